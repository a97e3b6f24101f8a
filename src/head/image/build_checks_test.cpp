#include "head/image/build.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "head/host/program.h"
#include "head/host/testing/collected_progress.h"
#include "head/host/testing/full_tree.h"
#include "head/image/contents.h"

namespace mangrove::head {

namespace {

namespace fs = std::filesystem;

/// Builds images and looks at them through the kernel's file systems.
struct BuildChecksTest : testing::Test {
    Stage work = make_test_directory();
    Store store{work.path / "store"};
    CollectedProgress progress;
    std::vector<std::string>& said = progress.warnings;

    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "labels and mounts need root";
        shell(work.path,
              "mkdir -p tree/dev tree/proc tree/run tree/sys tree/tmp tree/sbin; echo >tree/sbin/init");
    }
    Result<Image> build(const std::string& format) {
        BuildRequest request{.name = "test",
                             .from = work.path / "tree",
                             .packing = {.format = format},
                             .choice = {},
                             .boot = {}};
        Built built = TRY(build_image(store, request, progress));
        EXPECT_EQ(built.warnings, said);
        return built.image;
    }
    Contents listed(const Image& image) {
        return parse_contents(read_file(image.contents()).value()).value();
    }
    Contents mounted(const fs::path& image) {
        shell(work.path, "mkdir -p mounted; mount -o loop,ro " + image.native() + " mounted");
        Result<Contents> contents = read_contents(work.path / "mounted");
        shell(work.path, "umount mounted");
        return contents.value_or(Contents{});
    }
};

TEST_F(BuildChecksTest, the_list_has_what_the_image_has) {
    shell(work.path / "tree", "mkdir journal; echo >file; setfattr -n user.a -v 1 file; "
                              "setfattr -n trusted.b -v 2 file; setfattr -n security.selinux -v etc_t file");
    // An ACL as setfacl(1) makes it: user 1000 may read.
    shell(work.path / "tree",
          "setfattr -n system.posix_acl_access -v 0x"
          "0200000001000700ffffffff02000400e803000004000500ffffffff10000500ffffffff20000500ffffffff"
          " journal file");
    for (const char* format : {"squashfs", "erofs", "ext4"}) {
        said.clear();
        Result<Image> image = build(format);
        ASSERT_TRUE(image) << describe(image.error());
        Contents found = mounted(image->file());
        found.erase("./lost+found");
        EXPECT_EQ(join(differences(listed(*image), found), "\n"), "") << format;
        EXPECT_EQ(listed(*image).at("./file").attributes.size(), format == std::string("squashfs") ? 3U : 4U);
        std::string wanted =
            format == std::string("squashfs")
                ? "squashfs cannot hold system.posix_acl_access: left out of 2 files (./file); erofs "
                  "and ext4 hold POSIX ACLs"
                : "";
        EXPECT_EQ(join(said, "\n"), wanted) << format;
    }
}

TEST_F(BuildChecksTest, labels_of_the_host_are_left_out) {
    shell(work.path / "tree",
          "echo >file; for f in . file sbin; do setfattr -n security.selinux -v host_t $f; done; "
          "setfattr -n user.a -v 1 file");
    for (const char* format : {"erofs", "ext4"}) {
        fs::path image = work.path / format;
        Result<> packed =
            pack(work.path / "tree", image, {.format = format, .labels = Labels::of_host}, progress);
        ASSERT_TRUE(packed) << describe(packed.error());
        Contents contents = mounted(image);
        for (const char* path : {".", "./file", "./sbin"})
            EXPECT_FALSE(contents.at(path).attributes.contains("security.selinux")) << format << path;
        EXPECT_TRUE(contents.at("./file").attributes.contains("user.a")) << format;
    }
}

TEST_F(BuildChecksTest, features_of_an_ext4_are_not_those_of_the_hosts_configuration) {
    shell(work.path,
          "printf '[defaults]\\n[fs_types]\\next4 = {\\nfeatures = "
          "has_journal,extent,metadata_csum,metadata_csum_seed,orphan_file,inline_data\\n}\\n' >mke2fs.conf");
    ::setenv("MKE2FS_CONFIG", (work.path / "mke2fs.conf").c_str(), 1);
    Result<> packed = pack(work.path / "tree", work.path / "image", {.format = "ext4"}, progress);
    ::unsetenv("MKE2FS_CONFIG");
    ASSERT_TRUE(packed) << describe(packed.error());
    std::string shown = run_program({{"dumpe2fs", "-h", work.path / "image"}}).value_or("");
    EXPECT_NE(shown.find("metadata_csum"), std::string::npos) << shown;
    for (const char* feature : {"metadata_csum_seed", "orphan_file", "inline_data", "has_journal"})
        EXPECT_EQ(shown.find(feature), std::string::npos) << feature;
}

TEST_F(BuildChecksTest, what_the_images_kernel_cannot_mount_is_refused_before_packing) {
    shell(work.path / "tree",
          "mkdir -p boot lib/modules/1.0; echo >boot/vmlinuz-1.0; echo >lib/modules/1.0/modules.dep; "
          "printf 'CONFIG_SQUASHFS=y\\nCONFIG_SQUASHFS_ZLIB=y\\n' >boot/config-1.0");
    Result<Image> image = build("squashfs");
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().what,
              "the kernel 1.0 cannot mount squashfs compressed with zstd (CONFIG_SQUASHFS_ZSTD); it "
              "can mount --format squashfs --compression gzip|none|seed");
}

TEST_F(BuildChecksTest, an_image_has_a_hash_tree_that_its_record_names) {
    for (const char* format : {"squashfs", "erofs", "ext4"}) {
        Image image = build(format).value();
        Result<std::string> verified =
            run_program({{"veritysetup", "verify", image.file(), image.file(), image.root_hash,
                          text("--hash-offset=", image.hash_offset)},
                         "cryptsetup-bin"});
        EXPECT_TRUE(verified) << describe(verified.error());
        EXPECT_EQ(image.size, fs::file_size(image.file()));
        Image found = store.find(image.id).value();
        EXPECT_EQ(found.root_hash, image.root_hash);
        EXPECT_EQ(found.hash_offset, image.hash_offset);
        EXPECT_TRUE(mounted(image.file()).contains("./sbin/init"));
    }
}

TEST_F(BuildChecksTest, a_kernel_without_dm_verity_gets_an_image_without_a_tree) {
    shell(work.path / "tree",
          "mkdir -p boot lib/modules/1.0; echo >boot/vmlinuz-1.0; echo >lib/modules/1.0/modules.dep; "
          "printf 'CONFIG_SQUASHFS=y\\nCONFIG_SQUASHFS_ZSTD=y\\n' >boot/config-1.0; "
          "printf '#!/bin/sh\\nfor word; do last=$word; done; : >\"$last\"\\n' >../mangrove; chmod +x "
          "../mangrove");
    BuildRequest request{.name = "test",
                         .from = work.path / "tree",
                         .packing = {.format = "squashfs"},
                         .choice = {},
                         .boot = {.mangrove = work.path / "mangrove"}};
    Result<Built> built = build_image(store, request, progress);
    ASSERT_TRUE(built) << describe(built.error());
    EXPECT_EQ(built->image.root_hash, "");
    EXPECT_EQ(said,
              std::vector<std::string>{"the kernel 1.0 has no dm-verity (CONFIG_DM_VERITY): nodes cannot "
                                       "verify this image"});
}

TEST_F(BuildChecksTest, only_who_knows_its_name_finds_an_image) {
    shell(work.path / "tree", "rmdir run");
    Result<Image> image = build("squashfs");
    ASSERT_TRUE(image) << describe(image.error());
    EXPECT_EQ(said, std::vector<std::string>{
                        "the image has no directory /run; a node with a read-only root cannot boot "
                        "it, make them in the source"});
    auto mode = [](const fs::path& path) {
        struct stat status = {};
        ::stat(path.c_str(), &status);
        return status.st_mode & 0777;
    };
    EXPECT_EQ(mode(store.directory()), 0711U);
    EXPECT_EQ(mode(image->directory), 0711U);
    EXPECT_EQ(mode(image->file()), 0644U);
    EXPECT_EQ(mode(image->contents()), 0600U);
}

} // namespace

} // namespace mangrove::head
