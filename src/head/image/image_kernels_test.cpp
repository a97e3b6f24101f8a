#include "head/image/image_kernels.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "head/host/testing/full_tree.h"

namespace mangrove::head {

namespace {

struct ImageKernelsTest : testing::Test {
    Stage work = make_test_directory();

    /// Of a tree with these files and directories ("x/"): each kernel with its file, the one to boot last.
    std::string found(const std::vector<std::string>& paths) {
        std::filesystem::path tree = work.path / "tree";
        std::filesystem::remove_all(tree);
        for (const std::string& path : paths)
            shell(work.path, "mkdir -p \"$(dirname 'tree/" + path + "x')\"; case '" + path
                                 + "' in */) ;; *) : >'tree/" + path + "';; esac");
        std::vector<std::string> kernels;
        for (const Kernel& kernel : kernels_of(tree))
            kernels.push_back(text(kernel.version, " ", kernel.file.lexically_relative(tree).native()));
        return join(kernels, ", ");
    }
    /// A header of Documentation/arch/x86/boot.rst that says its version.
    void make_kernel(const std::string& path, const std::string& version) {
        shell(work.path / "tree", "head -c 512 /dev/zero >" + path + "; printf '\\0\\0HdrS' >>" + path
                                      + "; head -c 8 /dev/zero >>" + path + "; printf '\\100\\0' >>" + path
                                      + "; head -c 48 /dev/zero >>" + path + "; printf '" + version
                                      + " (builder)\\0' >>" + path);
    }
};

TEST_F(ImageKernelsTest, where_distributions_have_them) {
    EXPECT_EQ(found({"usr/lib/modules/6.1.0-9-amd64/", "boot/vmlinuz-6.1.0-9-amd64"}),
              "6.1.0-9-amd64 boot/vmlinuz-6.1.0-9-amd64");
    EXPECT_EQ(found({"usr/lib/modules/6.9.5-200.fc40.x86_64/vmlinuz"}),
              "6.9.5-200.fc40.x86_64 usr/lib/modules/6.9.5-200.fc40.x86_64/vmlinuz");
    EXPECT_EQ(found({"lib/modules/6.6.31-0-lts/", "boot/vmlinuz-lts"}), "6.6.31-0-lts boot/vmlinuz-lts");
    EXPECT_EQ(found({"usr/lib/modules/6.4.0-150600.21-default/", "boot/Image-6.4.0-150600.21-default"}),
              "6.4.0-150600.21-default boot/Image-6.4.0-150600.21-default");
    EXPECT_EQ(found({"lib/modules/6.1.0-9-powerpc64le/", "boot/vmlinux-6.1.0-9-powerpc64le"}),
              "6.1.0-9-powerpc64le boot/vmlinux-6.1.0-9-powerpc64le");
    EXPECT_EQ(found({"lib/modules/6.4.0/", "boot/vmlinux-6.4.0", "boot/vmlinuz-6.4.0"}),
              "6.4.0 boot/vmlinuz-6.4.0");
    EXPECT_EQ(found({"usr/lib/modules/6.9.1/", "boot/0123abcd/6.9.1/linux"}),
              "6.9.1 boot/0123abcd/6.9.1/linux");
    EXPECT_EQ(found({"lib/modules/6.9.1/", "boot/Image"}), "6.9.1 boot/Image");
    EXPECT_EQ(found({"lib/modules/6.9.1/", "boot/"}), "");
    EXPECT_EQ(found({"lib/modules/6.9.1/", "lib/modules/6.9.2/", "boot/Image"}), "") << "of which is it?";
}

TEST_F(ImageKernelsTest, a_name_without_a_version_goes_by_what_the_kernel_says) {
    found({"lib/modules/6.6.30-0-lts/", "lib/modules/6.6.31-0-lts/", "boot/"});
    make_kernel("boot/vmlinuz-lts", "6.6.31-0-lts");
    std::vector<Kernel> kernels = kernels_of(work.path / "tree");
    ASSERT_EQ(kernels.size(), 1U);
    EXPECT_EQ(kernels[0].version, "6.6.31-0-lts");
    EXPECT_EQ(name_of_kernel(kernels[0].file), "6.6.31-0-lts (builder)");
    EXPECT_EQ(name_of_kernel("/dev/null"), "");
    make_kernel("boot/vmlinuz-lts", "5.0.0-0-lts");
    EXPECT_TRUE(kernels_of(work.path / "tree").empty());
}

TEST_F(ImageKernelsTest, the_newest_plain_one_is_last) {
    EXPECT_EQ(found({"lib/modules/4.18.0-553.el8_10.x86_64/vmlinuz",
                     "lib/modules/4.18.0-553.16.1.el8_10.x86_64/vmlinuz",
                     "lib/modules/4.18.0-553.16.1.el8_10.x86_64+debug/vmlinuz"}),
              "4.18.0-553.16.1.el8_10.x86_64+debug lib/modules/4.18.0-553.16.1.el8_10.x86_64+debug/vmlinuz, "
              "4.18.0-553.el8_10.x86_64 lib/modules/4.18.0-553.el8_10.x86_64/vmlinuz, "
              "4.18.0-553.16.1.el8_10.x86_64 lib/modules/4.18.0-553.16.1.el8_10.x86_64/vmlinuz");
    EXPECT_EQ(found({"lib/modules/6.1.0-18-cloud-amd64/vmlinuz", "lib/modules/6.1.0-9-cloud-amd64/vmlinuz"}),
              "6.1.0-9-cloud-amd64 lib/modules/6.1.0-9-cloud-amd64/vmlinuz, "
              "6.1.0-18-cloud-amd64 lib/modules/6.1.0-18-cloud-amd64/vmlinuz");
}

TEST_F(ImageKernelsTest, a_name_that_would_break_a_boot_script_is_passed_over) {
    found({"lib/modules/"});
    shell(work.path / "tree/lib/modules", "d=$(printf '1.0\\necho'); mkdir \"$d\"; : >\"$d/vmlinuz\"");
    EXPECT_TRUE(kernels_of(work.path / "tree").empty());
    EXPECT_EQ(places_with_other_names(work.path / "tree"), std::vector<std::string>{"lib/modules"});
}

TEST_F(ImageKernelsTest, says_what_is_there_instead) {
    found({"lib/modules/6.9.1/", "lib/modules/6.9.2/", "boot/initrd", "boot/grub/"});
    EXPECT_EQ(names_near_kernels(work.path / "tree"),
              "/boot contains grub, initrd; /lib/modules contains 6.9.1, 6.9.2");
    found({"etc/"});
    EXPECT_EQ(names_near_kernels(work.path / "tree"), "");
}

} // namespace

} // namespace mangrove::head
