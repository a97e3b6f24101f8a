#include <gtest/gtest.h>

#include "mount/payload.h"

namespace mangrove {
namespace {

std::string with(size_t offset, std::string_view bytes) {
    return std::string(offset, '\0') + std::string(bytes) + std::string(2048 - offset - bytes.size(), '\0');
}

TEST(Payload, IsRecognizedByItsBeginning) {
    const std::pair<std::string, std::string_view> rows[] = {
        {with(0, "hsqs"), "squashfs"},
        {with(1024, "\xe2\xe1\xf5\xe0"), "erofs"},
        {with(1080, "\x53\xef"), "ext4"},
        {with(257, "ustar"), ""},
        {with(0, "070701"), ""},
        {with(0, "something else"), ""},
        {"", ""},
        {"hsq", ""},
        {std::string(1081, '\x53'), ""},
    };
    for (const auto& [beginning, filesystem] : rows)
        EXPECT_EQ(recognize(as_bytes(beginning)).filesystem, filesystem) << beginning.substr(0, 8);
}

TEST(Payload, AnImageInATarIsATar) {
    std::string tar = with(257, "ustar");
    tar.replace(1080, 2, "\x53\xef");
    EXPECT_FALSE(recognize(as_bytes(tar)).is_filesystem());
    std::string cpio = with(0, "070701");
    cpio.replace(1024, 4, "\xe2\xe1\xf5\xe0");
    EXPECT_FALSE(recognize(as_bytes(cpio)).is_filesystem());
}

} // namespace
} // namespace mangrove
