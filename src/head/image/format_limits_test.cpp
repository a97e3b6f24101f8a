#include "head/image/format_limits.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "head/host/testing/full_tree.h"

namespace mangrove::head {

namespace {

TEST(FormatLimits, what_is_lost_is_counted_once_and_not_recorded) {
    const Contents full = {
        {".", {.kind = 'd'}},
        {"./a",
         {.kind = 'd',
          .attributes = {{"system.posix_acl_access", "00"}, {"system.posix_acl_default", "00"}}}},
        {"./b", {.attributes = {{"system.posix_acl_access", "00"}, {"security.capability", "01"}}}},
        {"./c", {.attributes = {{"lustre.lov", "00"}, {"trusted.x", "01"}, {"user.y", "02"}}}},
        {"./s", {.kind = 's'}},
    };
    Contents contents = full;
    EXPECT_EQ(limit_to_format(contents, {.format = "squashfs"}),
              std::vector<std::string>{"squashfs cannot hold lustre.lov, system.posix_acl_access, "
                                       "system.posix_acl_default: left out of 3 "
                                       "files (./a); erofs and ext4 hold POSIX ACLs"});
    EXPECT_TRUE(contents.at("./a").attributes.empty());
    EXPECT_EQ(contents.at("./b").attributes.size(), 1U);
    EXPECT_EQ(contents.at("./c").attributes.size(), 2U);
    EXPECT_TRUE(contents.contains("./s"));
    contents = full;
    EXPECT_EQ(limit_to_format(contents, {.format = "ext4"}),
              (std::vector<std::string>{"ext4 cannot hold lustre.lov: left out of 1 files (./c)",
                                        "mke2fs makes no sockets: left 1 out (./s)"}));
    EXPECT_EQ(contents.at("./a").attributes.size(), 2U);
    EXPECT_FALSE(contents.contains("./s"));
}

TEST(FormatLimits, whose_labels_these_are) {
    if (::geteuid() != 0) GTEST_SKIP() << "labels need root";
    Stage work = make_test_directory();
    shell(work.path, "mkdir tree; echo >tree/file; for f in . tree tree/file; do setfattr -n "
                     "security.selinux -v var_t $f; "
                     "done");
    EXPECT_EQ(labels_in(work.path / "tree", Origin::in_place, work.path, false), Labels::of_image);
    EXPECT_EQ(labels_in(work.path / "tree", Origin::in_place, work.path, true), Labels::of_host);
    EXPECT_EQ(labels_in(work.path / "tree", Origin::unpacked, work.path, true), Labels::of_host);
    shell(work.path, "setfattr -n security.selinux -v etc_t tree/file");
    EXPECT_EQ(labels_in(work.path / "tree", Origin::unpacked, work.path, true), Labels::of_image);
}

} // namespace

} // namespace mangrove::head
