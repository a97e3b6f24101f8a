#include "mount/payload.h"

#include <cstring>

namespace mangrove {

namespace {

struct Signature {
    size_t offset;
    std::string_view bytes;
    std::string_view filesystem; ///< empty: an archive
};

/// Archives first: what looks like a file system may be a file in one, and never the other way round.
constexpr Signature kSignatures[] = {
    {257, "ustar", ""},         {0, "070701", ""},       {0, "070702", ""},
    {0, "070707", ""},          {0, "hsqs", "squashfs"}, {1024, "\xe2\xe1\xf5\xe0", "erofs"},
    {1080, "\x53\xef", "ext4"},
};

} // namespace

Payload recognize(ByteView beginning) {
    for (const Signature& signature : kSignatures) {
        if (beginning.size() < signature.offset + signature.bytes.size()) continue;
        if (std::memcmp(&beginning[signature.offset], signature.bytes.data(), signature.bytes.size()) == 0)
            return {signature.filesystem};
    }
    return {};
}

} // namespace mangrove
