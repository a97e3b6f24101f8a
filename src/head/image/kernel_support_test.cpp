#include "head/image/kernel_support.h"

#include <gtest/gtest.h>

#include "head/host/testing/full_tree.h"

namespace mangrove::head {

namespace {

struct KernelSupportTest : testing::Test {
    Stage work = make_test_directory();

    void SetUp() override {
        shell(work.path,
              "mkdir -p tree/boot tree/lib/modules/1.0/kernel/fs; : >tree/lib/modules/1.0/modules.builtin; "
              ": >tree/lib/modules/1.0/modules.dep");
    }
    Kernel kernel() {
        return {"1.0", work.path / "tree/boot/vmlinuz-1.0", work.path / "tree", "/lib/modules/1.0"};
    }
    std::string problem(const std::string& format, const std::string& compression = "") {
        Result<> checked = check_kernel_support(kernel(), {.format = format, .compression = compression});
        return checked ? "" : checked.error().what;
    }
    void in_modules(const std::string& command) { shell(work.path / "tree/lib/modules/1.0", command); }
};

TEST_F(KernelSupportTest, the_configuration_says_it) {
    shell(work.path / "tree/boot",
          "printf 'CONFIG_SQUASHFS=y\\nCONFIG_SQUASHFS_ZLIB=y\\n# CONFIG_SQUASHFS_ZSTD is not "
          "set\\nCONFIG_SQUASHFS_XZ=y\\nCONFIG_EXT4_FS=m\\n' >config-1.0");
    in_modules("echo 'kernel/fs/ext4.ko.xz: kernel/fs/jbd2.ko.xz' >modules.dep");
    EXPECT_EQ(problem("squashfs"),
              "the kernel 1.0 cannot mount squashfs compressed with zstd (CONFIG_SQUASHFS_ZSTD); it can "
              "mount --format "
              "squashfs --compression gzip|xz|none|seed, --format ext4 --compression none");
    EXPECT_EQ(problem("squashfs", "xz"), "");
    EXPECT_EQ(problem("squashfs", "gzip:9"), "");
    EXPECT_NE(problem("erofs"), "");
    EXPECT_EQ(problem("ext4"), "");
    in_modules(": >modules.dep");
    EXPECT_NE(problem("ext4").find("the kernel 1.0 cannot mount ext4 (CONFIG_EXT4_FS)"), std::string::npos)
        << "its module is not installed";
    shell(work.path / "tree", "mv boot/config-1.0 lib/modules/1.0/config");
    EXPECT_NE(problem("squashfs"), "");
}

TEST_F(KernelSupportTest, the_modules_say_it) {
    in_modules("printf 'kernel/fs/squashfs.ko.xz:\\n' >modules.dep; echo 'zlib_inflate xz_dec_run' "
               ">kernel/fs/squashfs.ko; "
               "xz kernel/fs/squashfs.ko; echo kernel/fs/ext4.ko >modules.builtin");
    EXPECT_NE(
        problem("squashfs", "zstd:3").find("it can mount --format squashfs --compression gzip|xz|none|seed"),
        std::string::npos)
        << problem("squashfs", "zstd:3");
    EXPECT_EQ(problem("squashfs", "gzip"), "");
    EXPECT_EQ(problem("ext4"), "");
    EXPECT_NE(problem("erofs"), "");
}

TEST_F(KernelSupportTest, dm_verity_is_a_module_or_built_in) {
    EXPECT_FALSE(can_verify(kernel()));
    in_modules("echo 'kernel/drivers/md/dm-verity.ko.xz: kernel/drivers/md/dm-mod.ko.xz' >modules.dep");
    EXPECT_TRUE(can_verify(kernel()));
    in_modules(": >modules.dep; echo kernel/drivers/md/dm-verity.ko >modules.builtin");
    EXPECT_TRUE(can_verify(kernel()));
    in_modules(": >modules.builtin; echo CONFIG_DM_VERITY=y >config");
    EXPECT_TRUE(can_verify(kernel()));
    in_modules("rm modules.builtin modules.dep config");
    EXPECT_TRUE(can_verify(kernel())) << "nothing is known";
}

TEST_F(KernelSupportTest, nothing_is_said_where_nothing_is_known) {
    in_modules("rm modules.builtin");
    EXPECT_EQ(problem("squashfs"), "");
    in_modules("echo kernel/fs/squashfs/squashfs.ko >modules.builtin");
    EXPECT_EQ(problem("squashfs", "lzo"), "");
    in_modules("printf 'kernel/fs/squashfs.ko:\\n' >modules.dep; echo stripped >kernel/fs/squashfs.ko");
    EXPECT_EQ(problem("squashfs", "lzo"), "");
}

} // namespace

} // namespace mangrove::head
