#include "live/node_tree.h"

#include <cerrno>
#include <gmock/gmock.h>

#include "live/test_tree.h"

namespace mangrove {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct NodeTreeTest : testing::Test {
    std::string entered(const std::string& path) {
        Result<UniqueFd> directory = NodeTree::open(tree.path())->enter(path);
        if (!directory) return directory.error().what;
        std::string real = std::filesystem::read_symlink(text("/proc/self/fd/", directory->get()));
        return real.substr(tree.path().size());
    }
    TestTree tree;
};

TEST_F(NodeTreeTest, FollowsLinksInsideOfItself) {
    tree.make("/run/lock");
    tree.link("/var/run", "/run");
    tree.link("/var/lock", "../run/lock");
    tree.link("/srv/up", "../../../../../run");
    EXPECT_EQ(entered("/var/run/lock"), "/run/lock");
    EXPECT_EQ(entered("/var/lock"), "/run/lock");
    EXPECT_EQ(entered("/srv/up"), "/run");
    EXPECT_EQ(entered(""), "");
}

TEST_F(NodeTreeTest, FollowsNoLinkOfAnotherUser) {
    tree.make("/etc/ssh");
    tree.link("/home/user/.ssh", "/etc/ssh");
    ASSERT_EQ(::lchown(tree.at("/home/user/.ssh").c_str(), 1000, 1000), 0);
    EXPECT_EQ(entered("/home/user/.ssh"),
              "/home/user/.ssh is a link of user 1000 on this node; not followed");
}

TEST_F(NodeTreeTest, SaysWhatIsInTheWay) {
    tree.put("/etc/ssh", "a file");
    tree.link("/opt", "/nowhere");
    EXPECT_EQ(entered("/etc/ssh/keys"), "/etc/ssh is not a directory on this node");
    EXPECT_THAT(entered("/opt/program"), HasSubstr("/opt is a link that leads to no directory"));
    EXPECT_EQ(NodeTree::open(tree.path())->enter("/missing/one").error().code, ENOENT);
}

TEST_F(NodeTreeTest, MakesWhatIsMissing) {
    tree.make("/var", 0711);
    WantedDirectories wanted = {{"/var", {.mode = 0700}},
                                {"/var/lib", {.mode = 02750, .owner = 7, .group = 8}}};
    std::vector<std::string> made;
    ASSERT_TRUE(NodeTree::open(tree.path())->make("/var/lib/program", wanted, made));
    EXPECT_THAT(made, ElementsAre("/var/lib", "/var/lib/program"));
    EXPECT_EQ(tree.status("/var").st_mode & 07777, 0711u) << "it was there";
    EXPECT_EQ(tree.status("/var/lib").st_mode & 07777, 02750u);
    EXPECT_EQ(tree.status("/var/lib").st_uid, 7u);
    EXPECT_EQ(tree.status("/var/lib").st_gid, 8u);
    EXPECT_EQ(tree.status("/var/lib/program").st_mode & 07777, 0755u);
}

} // namespace
} // namespace mangrove
