#include "ctl/unpack.h"

#include <csignal>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/contents.h"
#include "ctl/full_tree.h"

namespace mangrove::ctl {

namespace {

namespace fs = std::filesystem;

struct UnpackTest : testing::Test {
    Stage work = make_test_directory();
    fs::path tree = work.path / "tree";

    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "owners need root";
        fs::create_directory(tree);
    }
    /// A layer from what a shell command makes in an empty directory.
    fs::path layer(const std::string& name, const std::string& command,
                   const std::string& tar_options = ".") {
        fs::create_directory(work.path / name);
        shell(work.path / name, "umask 022\n" + command);
        shell(work.path / name, "tar --sort=name -cf ../" + name + ".tar " + tar_options);
        return work.path / (name + ".tar");
    }
    /// The names in the tree after these layers.
    std::string after(const std::vector<fs::path>& layers) {
        Unpacker unpacker = Unpacker::into(tree, {}).value();
        for (const fs::path& tar : layers) {
            Result<> unpacked = unpacker.unpack_layer(tar);
            if (!unpacked) return describe(unpacked.error());
        }
        EXPECT_TRUE(unpacker.finish());
        std::vector<std::string> names;
        Contents contents = read_contents(tree).value();
        for (const auto& [name, record] : contents)
            if (name != ".") names.push_back(name.substr(2));
        return join(names, " ");
    }
};

TEST_F(UnpackTest, everything_survives_a_tar) {
    fs::path source = work.path / "source";
    fs::create_directory(source);
    fill_tree(source);
    shell(source, "tar --xattrs --xattrs-include='*' --sparse --format=pax -czf ../whole.tar.gz .");
    Unpacker unpacker = Unpacker::into(tree, {}).value();
    Result<> unpacked = unpacker.unpack(work.path / "whole.tar.gz");
    ASSERT_TRUE(unpacked) << describe(unpacked.error());
    ASSERT_TRUE(unpacker.finish());
    EXPECT_EQ(join(differences(read_contents(source).value(), read_contents(tree).value()), "\n"), "");
    struct stat status = {};
    ::stat((tree / "usr/lib/sparse").c_str(), &status);
    EXPECT_LT(status.st_blocks, 1000);
    for (const char* name : {"", "etc", "etc/one", "empty"}) {
        ::lstat((tree / name).c_str(), &status);
        EXPECT_EQ(status.st_mtime, 1709618828) << name;
    }
}

TEST_F(UnpackTest, whiteouts_remove_what_lower_layers_have) {
    fs::path lower = layer("lower", "mkdir -p a b c/d; touch a/1 a/2 b/1 c/d/1 c/d/2 file");
    fs::path upper = layer("upper", "mkdir -p a c/d; touch a/.wh.1 .wh.b .wh.file c/.wh.d c/d/new");
    EXPECT_EQ(after({lower, upper}), "a a/2 c c/d c/d/new");
}

TEST_F(UnpackTest, an_opaque_directory_keeps_what_its_own_layer_has) {
    fs::path lower = layer("lower", "mkdir -p etc/x/y; touch etc/old etc/same etc/x/1 etc/x/y/2");
    // Its whiteout comes after some of its files in the tar, and before others.
    fs::path upper = layer("upper", "mkdir -p etc/x; touch etc/.wh..wh..opq etc/same etc/x/3 etc/new",
                           "./etc/new ./etc/x ./etc/.wh..wh..opq ./etc/same");
    EXPECT_EQ(after({lower, upper}), "etc etc/new etc/same etc/x etc/x/3");
}

TEST_F(UnpackTest, a_whiteout_and_its_name_in_one_layer) {
    fs::path lower = layer("lower", "mkdir a; touch a/old");
    fs::path upper = layer("upper", "touch .wh.a a", "./.wh.a ./a");
    EXPECT_EQ(after({lower, upper}), "a");
    EXPECT_TRUE(fs::is_regular_file(tree / "a"));
}

TEST_F(UnpackTest, a_whiteout_of_nothing_and_aufs_books_are_passed_over) {
    EXPECT_EQ(after({layer("only", "touch .wh.not-there .wh..wh.plnk 1")}), "1");
}

TEST_F(UnpackTest, kinds_take_each_others_place) {
    fs::path lower = layer("lower", "mkdir -p dir keep; touch dir/1 file keep/1; ln -s keep link");
    fs::path upper = layer("upper", "touch dir; mkdir file link keep; touch file/2 link/3; chmod 700 keep");
    EXPECT_EQ(after({lower, upper}), "dir file file/2 keep keep/1 link link/3");
    EXPECT_EQ(read_contents(tree).value().at("./keep").permissions, 0700U);
}

TEST_F(UnpackTest, an_upper_layer_writes_through_a_lower_link_and_stays_inside) {
    fs::path lower =
        layer("lower", "mkdir -p usr/lib; ln -s usr/lib lib; ln -s /usr/lib absolute; ln -s ../../.. out");
    fs::path upper =
        layer("upper", "mkdir lib absolute out; touch lib/1 absolute/2 out/3", "lib/1 absolute/2 out/3");
    EXPECT_EQ(after({lower, upper}), "3 absolute lib out usr usr/lib usr/lib/1 usr/lib/2");
}

TEST_F(UnpackTest, a_replaced_file_does_not_change_its_other_names) {
    fs::path lower = layer("lower", "echo old >a; ln a b");
    fs::path upper = layer("upper", "echo new >a");
    EXPECT_EQ(after({lower, upper}), "a b");
    EXPECT_EQ(read_file(tree / "b").value(), "old\n");
    EXPECT_EQ(read_file(tree / "a").value(), "new\n");
}

TEST_F(UnpackTest, a_name_that_leads_out_is_refused) {
    fs::path tar = layer("bad", "touch ../outside", "-P ../outside");
    EXPECT_EQ(after({tar}),
              "the name '../outside' leads out of the tree\n  while unpacking ../outside of " + tar.native());
}

TEST_F(UnpackTest, the_root_is_no_link) {
    fs::create_directory(work.path / "host");
    for (const char* command : {"ln -s host link", "touch 1; ln 1 link"}) {
        fs::path tar =
            layer(text("bad-", command[0]), text(command, "; touch x"), "--transform='s,^link$,.,' *");
        EXPECT_EQ(after({tar}),
                  "the root of the tree can only be a directory\n  while unpacking . of " + tar.native());
        EXPECT_TRUE(fs::is_directory(fs::symlink_status(tree)));
    }
    EXPECT_TRUE(fs::is_empty(work.path / "host"));
}

TEST_F(UnpackTest, a_link_in_the_place_of_a_directory_leads_no_mode_out) {
    shell(work.path, "umask 022; mkdir -p host/below");
    fs::path tar = layer("bad", "mkdir -p a/below; chmod 0777 a/below", "a");
    shell(work.path / "bad", "rm -r a; ln -s " + (work.path / "host").native() + " a; tar -rf ../bad.tar a");
    EXPECT_EQ(after({tar}), "a");
    struct stat status = {};
    ::stat((work.path / "host/below").c_str(), &status);
    EXPECT_EQ(status.st_mode & 07777U, 0755U);
}

TEST_F(UnpackTest, a_whiteout_of_no_name_is_refused) {
    for (const char* removed : {"", ".", ".."}) {
        fs::path tar =
            layer(text("of", removed, "."), text("mkdir a; touch a/1 '", "a/.wh.", removed, "'"), "a");
        EXPECT_NE(after({tar}).find(text("a whiteout of '", removed, "', which is no name")),
                  std::string::npos);
        EXPECT_TRUE(fs::exists(tree / "a"));
    }
}

TEST_F(UnpackTest, directories_that_no_tar_names_have_a_fixed_time) {
    fs::path tar = layer("only", "mkdir -p a/b; touch a/b/1", "a/b/1");
    EXPECT_EQ(after({tar}), "a a/b a/b/1");
    struct stat status = {};
    ::stat((tree / "a/b").c_str(), &status);
    EXPECT_EQ(status.st_mtime, 0);
    EXPECT_EQ(status.st_mode & 07777U, 0755U);
}

/// A full disk says no more than this limit does.
TEST_F(UnpackTest, why_it_cannot_be_written_is_said) {
    fs::path tar = layer("large", "head -c 100000 /dev/zero >1");
    rlimit before = {};
    ::getrlimit(RLIMIT_FSIZE, &before);
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit small = {4096, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    std::string said = after({tar});
    ::setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_NE(said.find("File too large"), std::string::npos) << said;
}

TEST_F(UnpackTest, a_damaged_tar_is_named) {
    fs::path tar = layer("cut", "head -c 100000 /dev/urandom >1");
    fs::resize_file(tar, 50000);
    std::string said = after({tar});
    EXPECT_NE(said.find(tar.native()), std::string::npos) << said;
    EXPECT_NE(said.find("Truncated"), std::string::npos) << said;
}

} // namespace

} // namespace mangrove::ctl
