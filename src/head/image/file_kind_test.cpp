#include "head/image/file_kind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "head/host/testing/full_tree.h"
#include "head/image/oci.h"

namespace mangrove::head {

namespace {

using testing::HasSubstr;

std::string described(std::string_view start, std::string_view file) {
    FileKind kind = file_kind_of(start, file);
    return kind.name.empty() ? "" : text(kind.name, "; ", kind.remedy);
}

std::string start_with(size_t offset, std::string_view magic) {
    std::string start(kFileKindBytes, '\0');
    return start.replace(offset, magic.size(), magic);
}

TEST(FileKindTest, file_systems_and_archives_are_named) {
    EXPECT_EQ(described(start_with(0, "hsqs"), "root.squashfs"),
              "a squashfs file system; mount it (mount -o ro,loop root.squashfs DIRECTORY) and build with "
              "--from DIRECTORY");
    EXPECT_THAT(described(start_with(1024, "\xe2\xe1\xf5\xe0"), "x"), testing::StartsWith("an erofs"));
    EXPECT_THAT(described(start_with(1080, "\x53\xef"), "x"), testing::StartsWith("an ext2, ext3 or ext4"));
    EXPECT_THAT(described(start_with(0, "XFSB"), "x"), testing::StartsWith("an XFS"));
    EXPECT_THAT(described(start_with(0x10040, "_BHRfS_M"), "x"), testing::StartsWith("a Btrfs"));
    EXPECT_THAT(described(start_with(0x8001, "CD001"), "x"), testing::StartsWith("an ISO 9660"));
    EXPECT_THAT(described(start_with(0, "QFI\xfb"), "x"), testing::StartsWith("a qcow2"));
    EXPECT_THAT(described(start_with(0, "070701"), "x"), testing::StartsWith("a cpio"));
    EXPECT_THAT(described(start_with(510, "\x55\xaa"), "x"), testing::StartsWith("a disk image"));
    EXPECT_EQ(described("", "x"), "");
    EXPECT_EQ(described("text\n", "x"), "");
}

/// As `image build` asks of a file: in the confined process, also below a compression.
struct ArchiveKindTest : testing::Test {
    Stage work = make_test_directory();

    std::string refusal(const char* name, const char* command) {
        shell(work.path, command);
        shell(work.path, "rm -rf empty; mkdir empty");
        SilentProgress silent;
        Result<bool> is_oci =
            is_oci_archive(open_tar(work.path / name).value(), work.path / "empty", UnpackLimits{}, silent);
        return is_oci ? "none" : is_oci.error().what;
    }
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    }
};

TEST_F(ArchiveKindTest, what_is_no_tar_is_refused_with_what_it_is) {
    EXPECT_THAT(refusal("a.img", "truncate --size 8M a.img; mke2fs -q -t ext4 a.img"),
                HasSubstr("a.img: an ext2, ext3 or ext4 file system and not a tar; mount it"));
    EXPECT_THAT(refusal("a.img.gz", "gzip a.img"),
                HasSubstr("a.img.gz: compressed, an ext2, ext3 or ext4 file system and not a tar; "
                          "decompress it first; then mount it"));
    EXPECT_THAT(refusal("b.cpio.gz", "echo . | cpio --quiet -o -H newc | gzip >b.cpio.gz"),
                HasSubstr("b.cpio.gz: compressed, a cpio archive and not a tar"));
    EXPECT_THAT(refusal("c", "seq 100000 >c"), HasSubstr("is neither a tar nor a saved image"));
    EXPECT_EQ(refusal("d.tar", "mkdir d; tar -cf d.tar d"), "none");
}

} // namespace

} // namespace mangrove::head
