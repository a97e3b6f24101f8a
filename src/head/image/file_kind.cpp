#include "head/image/file_kind.h"

#include "base/text.h"

namespace mangrove::head {

namespace {

enum class Remedy { mount, convert, attach, unpack };

struct Kind {
    size_t offset;
    std::string_view magic;
    std::string_view name;
    Remedy remedy;
};

using namespace std::string_view_literals;

/// As libmagic has them. The partition table is last: other kinds may have one, too.
constexpr Kind kKinds[] = {
    {0, "hsqs"sv, "a squashfs file system", Remedy::mount},
    {1024, "\xe2\xe1\xf5\xe0"sv, "an erofs file system", Remedy::mount},
    {1080, "\x53\xef"sv, "an ext2, ext3 or ext4 file system", Remedy::mount},
    {0, "XFSB"sv, "an XFS file system", Remedy::mount},
    {0x10040, "_BHRfS_M"sv, "a Btrfs file system", Remedy::mount},
    {0x8001, "CD001"sv, "an ISO 9660 file system", Remedy::mount},
    {0, "QFI\xfb"sv, "a qcow2 disk image", Remedy::convert},
    {0, "070701"sv, "a cpio archive", Remedy::unpack},
    {0, "070702"sv, "a cpio archive", Remedy::unpack},
    {0, "070707"sv, "a cpio archive", Remedy::unpack},
    {0, "\xc7\x71"sv, "a cpio archive", Remedy::unpack},
    {510, "\x55\xaa"sv, "a disk image with partitions", Remedy::attach},
};

std::string remedy_for(const Kind& kind, std::string_view name) {
    switch (kind.remedy) {
    case Remedy::mount:
        return text("mount it (mount -o ro,loop ", name, " DIRECTORY) and build with --from DIRECTORY");
    case Remedy::convert:
        return text("convert it (qemu-img convert -O raw ", name, " disk.img) and mount what is in it");
    case Remedy::attach:
        return text("attach it (losetup --find --show --read-only --partscan ", name,
                    "), mount the partition and build with --from DIRECTORY");
    case Remedy::unpack:
        return "unpack it in an empty directory (cpio -id) and build with --from DIRECTORY";
    }
    return {};
}

} // namespace

FileKind file_kind_of(std::string_view start, std::string_view file) {
    for (const Kind& kind : kKinds)
        if (start.size() >= kind.offset && start.substr(kind.offset).starts_with(kind.magic))
            return {kind.name, remedy_for(kind, file)};
    return {};
}

} // namespace mangrove::head
