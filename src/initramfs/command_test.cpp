#include "initramfs/command.h"

#include <cstdlib>
#include <filesystem>
#include <getopt.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace mangrove {

namespace {

namespace fs = std::filesystem;

/// A tree with modules that were assembled, and a file beside it that no initramfs may hold.
struct InitramfsCommandTest : testing::Test {
    std::string work = (fs::temp_directory_path() / "mangrove-initramfs-test-XXXXXX").native();
    std::string said; ///< on standard error

    void SetUp() override {
        ASSERT_TRUE(::mkdtemp(work.data()));
        in_tree("mkdir -p lib/firmware lib/modules/1.0/kernel; cp /bin/true ../secret");
        make_module("ext4", "alias=fs-ext4");
        make_module("overlay", "license=GPL");
    }
    void TearDown() override { fs::remove_all(work); }

    void in_tree(const std::string& command) {
        std::string words = text("set -e; mkdir -p ", work, "/tree; cd ", work, "/tree; ", command);
        ASSERT_EQ(std::system(words.c_str()), 0) << command;
    }
    void make_module(const std::string& name, const std::string& information) {
        in_tree(text("printf '.section .modinfo\\n.asciz \"", information,
                     "\"\\n' | as -o lib/modules/1.0/kernel/", name, ".ko; depmod -b . 1.0 2>../warnings"));
    }
    static std::vector<std::string> with(const std::vector<std::string>& more) {
        std::vector<std::string> words = {"--transports", "local",     "--filesystems",
                                          "ext4",         "--drivers", "a_network_card"};
        words.insert(words.end(), more.begin(), more.end());
        return words;
    }
    /// What is listed, or why there is nothing.
    std::string listed(const std::vector<std::string>& wanted = with({})) {
        ::optind = 0; // getopt goes on where the last command line ended
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        std::vector<std::string> arguments = {"--root",    work + "/tree",
                                              "--modules", "/lib/modules/1.0",
                                              "--binary",  work + "/tree/lib/modules/1.0/kernel/ext4.ko",
                                              "--for",     "none",
                                              "--list"};
        arguments.insert(arguments.end(), wanted.begin(), wanted.end());
        int code = run_initramfs(arguments);
        std::string list = testing::internal::GetCapturedStdout();
        said = testing::internal::GetCapturedStderr();
        return code == 0 ? list : said;
    }
};

TEST_F(InitramfsCommandTest, a_tree_of_its_own) {
    make_module("a_network_card", "firmware=card.bin");
    in_tree("echo firmware >lib/firmware/real; ln -s /lib/firmware/real lib/firmware/card.bin");
    std::string list = listed();
    EXPECT_NE(list.find("lib/modules/1.0/kernel/a_network_card.ko"), std::string::npos) << list;
    EXPECT_NE(list.find("lib/firmware/card.bin"), std::string::npos) << list;
}

TEST_F(InitramfsCommandTest, firmware_outside_the_tree_does_not_go_in) {
    make_module("a_network_card", "firmware=card.bin");
    in_tree("ln -s ../../../secret lib/firmware/card.bin");
    EXPECT_EQ(listed().find("card.bin"), std::string::npos) << listed();
    in_tree("ln -sf $PWD/../secret lib/firmware/card.bin");
    EXPECT_EQ(listed().find("card.bin"), std::string::npos) << listed();
    make_module("a_network_card", "firmware=../../../secret");
    EXPECT_EQ(listed(),
              "mangrove: error: the name '../../../secret' leads out of its directory\n  while adding "
              "the firmware of kernel/a_network_card.ko\n");
}

TEST_F(InitramfsCommandTest, a_module_outside_the_tree_does_not_go_in) {
    make_module("a_network_card", "license=GPL");
    in_tree("ln -sf ../../../../../secret lib/modules/1.0/kernel/a_network_card.ko");
    EXPECT_NE(listed().find("No such file or directory"), std::string::npos) << listed();
    in_tree("sed -i s,kernel/a_network_card.ko,../../../../../secret.ko, lib/modules/1.0/modules.dep.bin");
    EXPECT_EQ(listed(), "mangrove: error: the name '../../../../../secret.ko' leads out of its directory\n");
}

TEST_F(InitramfsCommandTest, what_the_kernel_lacks_is_left_out_unless_it_is_named) {
    make_module("loop", "license=GPL");
    std::string list = listed({});
    EXPECT_NE(list.find("loop.ko"), std::string::npos) << list;
    EXPECT_NE(list.find("ext4.ko"), std::string::npos) << list;
    std::string place = work + "/tree/lib/modules/1.0";
    EXPECT_NE(said.find("mangrove: warning: module 'nbd' is neither built in nor in " + place
                        + " (for transport nbd), leaving it out\n"),
              std::string::npos)
        << said;
    EXPECT_EQ(listed({"--transports", "loopback,nbd"}),
              "mangrove: error: module 'nbd' is neither built in nor in " + place + " (for transport nbd)\n");
    EXPECT_EQ(listed({"--transports", "loopback", "--filesystems", "erofs"}),
              "mangrove: error: module 'fs-erofs' is neither built in nor in " + place
                  + " (for file system erofs)\n");
}

TEST_F(InitramfsCommandTest, a_directory_is_no_file) {
    make_module("a_network_card", "license=GPL");
    std::string wanted = text("mangrove: error: reading ", work, ": Is a directory\n");
    EXPECT_TRUE(listed(with({"--ca", work})).ends_with(wanted)) << listed(with({"--ca", work}));
    EXPECT_TRUE(listed(with({"--add", work + "=/etc/file"})).ends_with(wanted));
}

TEST_F(InitramfsCommandTest, a_kernel_that_is_not_there_is_said) {
    std::string tree = fs::canonical(work) / "tree";
    EXPECT_NE(listed(with({"--modules", "/lib/modules/1.1"})).find("1.1"), std::string::npos);
    in_tree("mkdir lib/modules/2.0");
    EXPECT_EQ(listed(with({"--modules", "/lib/modules/2.0"}))
                  .find("mangrove: error: there is no " + tree + "/lib/modules/2.0/modules.dep.bin: "),
              0U);
}

} // namespace

} // namespace mangrove
