#include "initramfs/command.h"

#include <cstdlib>
#include <filesystem>
#include <getopt.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "base/whole_file.h"
#include "trust/policy.h"

namespace mangrove {

namespace {

namespace fs = std::filesystem;

/// A tree with modules that were assembled, and a file beside it that no initramfs may hold.
struct InitramfsCommandTest : testing::Test {
    std::string work = (fs::temp_directory_path() / "mangrove-initramfs-test-XXXXXX").native();
    std::string said; ///< on standard error

    void SetUp() override {
        ASSERT_TRUE(::mkdtemp(work.data()));
        in_tree("mkdir -p lib/firmware lib/modules/1.0/kernel; cp /bin/true ../secret; cd lib/modules/1.0; "
                "touch modules.order modules.builtin modules.builtin.modinfo");
        make_module("ext4", "alias=fs-ext4");
        make_module("overlay", "license=GPL");
    }
    void TearDown() override { fs::remove_all(work); }

    void in_tree(const std::string& command) {
        std::string words = text("set -e; mkdir -p ", work, "/tree; cd ", work, "/tree; ", command);
        ASSERT_EQ(std::system(words.c_str()), 0) << command;
    }
    void make_module(const std::string& name, const std::string& information) {
        make_module_at("kernel/" + name + ".ko", {information});
    }
    /// It calls these functions of the kernel.
    void make_module_at(const fs::path& path, const std::vector<std::string>& information,
                        const std::vector<std::string>& calls = {}) {
        std::string source;
        for (const std::string& function : calls)
            source += text("call ", function, "\\n");
        source += ".section .modinfo,\"a\"\\n";
        for (const std::string& line : information)
            source += text(".asciz \"", line, "\"\\n");
        in_tree(text("file=lib/modules/1.0/", path.native(), "; mkdir -p $(dirname $file); printf '", source,
                     "' | as -o $file; depmod -b . 1.0 2>../warnings"));
    }
    static std::vector<std::string> with(const std::vector<std::string>& more) {
        std::vector<std::string> words = {"--transports", "local",     "--filesystems",
                                          "ext4",         "--drivers", "a_network_card"};
        words.insert(words.end(), more.begin(), more.end());
        return words;
    }
    /// Returns the list, or the error.
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
              "mangrove: error: the name '../../../secret' leads outside of its directory\n  while adding "
              "the firmware of kernel/a_network_card.ko\n");
}

TEST_F(InitramfsCommandTest, firmware_lies_in_the_kernels_four_places) {
    make_module_at("kernel/drivers/net/a_network_card.ko",
                   {"firmware=first", "firmware=second", "firmware=third", "firmware=fourth"});
    in_tree(
        "mkdir -p lib/firmware/updates/1.0 lib/firmware/1.0; cd lib/firmware; "
        "for file in updates/1.0/first updates/second.xz 1.0/third.zst fourth first; do echo >$file; done");
    std::string list = listed();
    for (const char* path : {"updates/1.0/first ", "updates/second.xz ", "1.0/third.zst ", "fourth "})
        EXPECT_NE(list.find(text("lib/firmware/", path)), std::string::npos) << path << list;
    EXPECT_EQ(list.find(" lib/firmware/first"), std::string::npos) << "the kernel would not look there";
    EXPECT_EQ(said, "");
}

TEST_F(InitramfsCommandTest, firmware_that_is_not_installed_is_said) {
    make_module_at("kernel/drivers/net/a_network_card.ko", {"firmware=acme/nic.fw", "firmware=acme/old.fw"});
    in_tree("mkdir lib/firmware/acme; echo >lib/firmware/acme/old.fw");
    listed();
    EXPECT_EQ(said, "mangrove: warning: firmware acme/nic.fw, which kernel/drivers/net/a_network_card.ko "
                    "names, was not found\n");
}

TEST_F(InitramfsCommandTest, a_set_has_the_drivers_wherever_depmod_put_them) {
    make_module("a_network_card", "license=GPL");
    make_module_at("kernel/drivers/net/ethernet/acme/acme.ko", {"alias=pci:v1"});
    make_module_at("extra/ofed/drivers/net/ethernet/acme/acme.ko", {"alias=pci:v1"});
    make_module_at("updates/drivers/net/ethernet/intel/i40e.ko", {"alias=pci:v2"});
    make_module_at("kernel/drivers/net/phy/acmephy.ko", {"alias=mdio:1"});
    make_module_at("kernel/drivers/net/mdio/mdio-acme.ko", {"alias=of:N*T*Cacme,mdio"});
    make_module_at("updates/dkms/r8168.ko", {"alias=pci:v3"}, {"register_netdev", "pci_enable_device"});
    make_module_at("updates/dkms/unreadable.ko", {"alias=pci:v4"});
    make_module_at("updates/dkms/graphics.ko", {"alias=pci:v5"}, {"drm_dev_register"});
    make_module_at("updates/dkms/wifi.ko", {"alias=pci:v6"}, {"register_netdevice", "wiphy_new_nm"});
    make_module_at("updates/dkms/usbnic.ko", {"alias=usb:v7"}, {"usbnet_probe"});
    make_module_at("extra/rdma/drivers/infiniband/hw/acme_ib.ko", {"alias=pci:v1"});
    in_tree("mkdir -p lib/modules/0.9/extra lib/modules/1.0/weak-updates; cd lib/modules/1.0; "
            "cp updates/dkms/r8168.ko ../0.9/extra/weak.ko; "
            "ln -s ../../0.9/extra/weak.ko weak-updates/weak.ko; depmod -b ../../.. 1.0; "
            "ln -sf /lib/modules/0.9/extra/weak.ko weak-updates/weak.ko");
    std::string list = listed(with({"--drivers", "net"}));
    for (const char* path :
         {"extra/ofed/drivers/net/ethernet/acme/acme.ko", "updates/drivers/net/ethernet/intel/i40e.ko",
          "kernel/drivers/net/phy/acmephy.ko", "kernel/drivers/net/mdio/mdio-acme.ko",
          "updates/dkms/r8168.ko", "updates/dkms/unreadable.ko", "weak-updates/weak.ko"})
        EXPECT_NE(list.find(path), std::string::npos) << path << "\n" << list;
    for (const char* path : {"graphics.ko", "wifi.ko", "usbnic.ko", "acme_ib.ko"})
        EXPECT_EQ(list.find(path), std::string::npos) << path << "\n" << list;
    EXPECT_NE(listed(with({"--drivers", "usb-net"})).find("usbnic.ko"), std::string::npos);
}

TEST_F(InitramfsCommandTest, a_module_outside_the_tree_does_not_go_in) {
    make_module("a_network_card", "license=GPL");
    in_tree("ln -sf ../../../../../secret lib/modules/1.0/kernel/a_network_card.ko");
    EXPECT_NE(listed().find("No such file or directory"), std::string::npos) << listed();
    in_tree("sed -i s,kernel/a_network_card.ko,../../../../../secret.ko, lib/modules/1.0/modules.dep.bin");
    EXPECT_EQ(listed(),
              "mangrove: error: the name '../../../../../secret.ko' leads outside of its directory\n");
}

TEST_F(InitramfsCommandTest, neither_a_fifo_nor_a_device_is_opened) {
    make_module("a_network_card", "license=GPL");
    in_tree("cd lib/modules/1.0; rm kernel/a_network_card.ko; mkfifo kernel/a_network_card.ko");
    EXPECT_NE(listed().find("a_network_card.ko is not a regular file"), std::string::npos) << listed();
    in_tree("cd lib/modules/1.0; rm modules.alias.bin; mkfifo modules.alias.bin");
    EXPECT_NE(listed().find("modules.alias.bin is not a regular file"), std::string::npos) << listed();
    in_tree("cd lib/modules/1.0; ln -sf /dev/zero modules.alias.bin");
    EXPECT_NE(listed().find("modules.alias.bin is not a regular file"), std::string::npos) << listed();
}

TEST_F(InitramfsCommandTest, what_the_kernel_lacks_is_left_out_unless_it_is_named) {
    make_module("loop", "license=GPL");
    std::string list = listed({});
    EXPECT_NE(list.find("loop.ko"), std::string::npos) << list;
    EXPECT_NE(list.find("ext4.ko"), std::string::npos) << list;
    std::string place = work + "/tree/lib/modules/1.0";
    EXPECT_NE(said.find("mangrove: warning: module 'nbd' is neither built in nor in " + place
                        + " (for transport nbd), skipping it\n"),
              std::string::npos)
        << said;
    EXPECT_EQ(listed({"--transports", "loopback,nbd"}),
              "mangrove: error: module 'nbd' is neither built in nor in " + place + " (for transport nbd)\n");
    EXPECT_EQ(listed({"--transports", "http"}),
              "mangrove: error: none of its drivers is there: module 'nbd' is neither built in nor in "
                  + place + " (for transport http); module 'fuse' is neither built in nor in " + place
                  + " (for transport http); module 'ublk_drv' is neither built in nor in " + place
                  + " (for transport http)\n");
    make_module("ublk_drv", "license=GPL");
    list = listed({"--transports", "http", "--filesystems", "ext4"});
    EXPECT_NE(list.find("ublk_drv.ko"), std::string::npos) << list << said;
    make_module("fuse", "license=GPL");
    list = listed({"--transports", "http", "--filesystems", "ext4"});
    EXPECT_NE(list.find("fuse.ko"), std::string::npos) << list << said;
    EXPECT_NE(list.find("loop.ko"), std::string::npos) << list << said;
    EXPECT_EQ(listed({"--transports", "loopback", "--filesystems", "erofs"}),
              "mangrove: error: module 'fs-erofs' is neither built in nor in " + place
                  + " (for file system erofs)\n");
}

TEST_F(InitramfsCommandTest, the_output_replaces_a_link_and_is_private_with_a_secret) {
    make_module("a_network_card", "license=GPL");
    in_tree("cd ..; echo precious >victim; for name in '' .new .$$; do ln -s victim out$name; done; echo 1 "
            ">plain; "
            "echo '{\"password\": \"x\"}' >definition; echo 2 >private; chmod 0600 private");
    auto written = [&](const std::string& added) {
        listed(with({"--output", work + "/out", "--add", work + "/" + added + "=/etc/file"}));
        EXPECT_FALSE(fs::is_symlink(work + "/out"));
        return static_cast<unsigned>(fs::status(work + "/out").permissions());
    };
    EXPECT_EQ(written("plain"), 0644U) << said;
    EXPECT_EQ(said, "");
    for (const char* secret : {"definition", "private"}) {
        EXPECT_EQ(written(secret), 0600U) << secret;
        EXPECT_EQ(
            said,
            "mangrove: warning: " + work
                + "/out: contains the secret /etc/file, so its mode is 0600; any client of a server that "
                  "serves it can read the secret\n");
    }
    EXPECT_EQ(fs::file_size(work + "/victim"), 9U);
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
                  .find("mangrove: error: " + tree + "/lib/modules/2.0/modules.dep.bin not found: "),
              0U);
}

TEST_F(InitramfsCommandTest, signers_and_the_rest_of_the_policy) {
    make_module("a_network_card", "license=GPL");
    in_tree("echo '# nobody' >../nobody; echo 'alice ssh-ed25519 AAAA' >../damaged; "
            "ssh-keygen -q -t ed25519 -N '' -f ../key; echo \"alice $(cat ../key.pub)\" >../signers");
    auto with_signers = [&](const std::string& name) {
        return listed(with({"--signers", work + "/" + name, "--least-serial", "7"}));
    };
    std::string list = with_signers("signers");
    EXPECT_NE(list.find("etc/mangrove/allowed_signers"), std::string::npos) << list;
    EXPECT_NE(list.find("etc/mangrove/policy.json"), std::string::npos) << list;
    EXPECT_EQ(listed().find("etc/mangrove"), std::string::npos);
    EXPECT_EQ(with_signers("nobody"),
              "mangrove: error: " + work + "/nobody: names no key; a node would refuse every definition\n");
    EXPECT_EQ(with_signers("damaged"),
              "mangrove: error: " + work + "/damaged: line 1: the key is truncated; copy the whole of it\n");
    EXPECT_TRUE(listed(with({"--least-serial", "x"}))
                    .starts_with("mangrove: error: --least-serial: expected a number"));
    std::string own = work + "/of-dracut";
    EXPECT_EQ(listed(with({"--write-policy", own, "--signers", work + "/signers", "--least-serial", "7"})),
              "");
    std::string allowed = *read_file(own + trust::kSignersPath);
    EXPECT_TRUE(allowed.starts_with("alice ssh-ed25519 ")) << allowed;
    EXPECT_EQ(trust::parse_policy(allowed, *read_file(own + trust::kPolicyPath))->least_serial, 7U);
    EXPECT_TRUE(
        listed(with({"--write-policy", own, "--signers", work + "/nobody"})).starts_with("mangrove: error"));
}

} // namespace

} // namespace mangrove
