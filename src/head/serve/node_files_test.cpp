/// With the real mangrove-render.

#include "head/serve/node_files.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "head/files/secrets.h"
#include "head/host/testing/full_tree.h"

namespace mangrove::head {
namespace {

class NodeFilesTest : public testing::Test {
  protected:
    NodeFilesTest() {
        EXPECT_TRUE(database_);
        shell(stage_.path,
              "mkdir -p auth/etc plain/etc && echo '{{ .Id }} {{ secret \"munge\" }}' >auth/etc/key.tmpl &&"
              "echo '{{ .Id }}' >plain/etc/motd.tmpl");
        EXPECT_TRUE(database_->commit({{"group/all-nodes", R"({"files":["plain"],"match":"all"})"},
                                       {"group/batch", R"({"files":["auth"]})"},
                                       {"node/n1", R"({"groups":["batch"]})"},
                                       {"node/n2", R"({"groups":["batch"],"values":{"trust":"open"}})"},
                                       {"node/n3", R"({"values":{"trust":"open"}})"}}));
        for (const char* set : {"auth", "plain"})
            EXPECT_TRUE(import_files(*database_, store_, set, stage_.path / set, ""));
        set("opensesame");
    }

    void set(const std::string& value) { EXPECT_TRUE(set_secret(*database_, "munge", value, "somebody")); }
    FilesOfNodes::Files render(const ReleasesOfNodes& releases = {}) {
        table_ = {};
        return *files_.render(*database_, *Inventory::load(*database_), table_, releases);
    }
    std::string contents_of(const std::string& tar, const std::string& path) {
        FileTree tree = *read_tar(store_.rendered(tar));
        return tree[path].contents;
    }
    std::string key_of(const NodeFiles& files) { return contents_of(files.boot.back(), "etc/key"); }
    /// Imports another revision of the set `plain`.
    std::string change_plain(const std::string& motd) {
        shell(stage_.path, text("echo '", motd, "' >plain/etc/motd.tmpl"));
        return import_files(*database_, store_, "plain", stage_.path / "plain", "")->set.revision;
    }

    Stage stage_ = make_test_directory();
    std::unique_ptr<Database> database_ = open_sqlite_database(stage_.path / "nodes.db").value_or(nullptr);
    FileStore store_{stage_.path / "files"};
    FilesOfNodes files_{{.program = RENDER_PROGRAM, .include = stage_.path / "include"}, store_, false};
    BootTable table_;
};

TEST_F(NodeFilesTest, SecretsAreForNodesThatAreKnownByTheirAddress) {
    FilesOfNodes::Files files = render();
    EXPECT_EQ(key_of(files["n1"]), "n1 opensesame\n");
    struct stat status = {};
    ASSERT_EQ(::stat(store_.rendered(files["n1"].boot.back()).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07U, 0u);
    EXPECT_TRUE(files["n2"].problem.ends_with(
        "secret munge: not given to nodes with the trust open; set values.trust=address"))
        << files["n2"].problem;
    EXPECT_TRUE(files["n2"].boot.empty());
    EXPECT_EQ(files["n3"].problem, "") << "its set reads none";
    ASSERT_EQ(table_.problems.size(), 1u);
    EXPECT_TRUE(table_.problems[0].starts_with("node n2: files auth: template: etc/key.tmpl:"))
        << table_.problems[0];
}

TEST_F(NodeFilesTest, SecretsThatChangeAreRenderedAgain) {
    std::string before = render()["n1"].boot.front();
    set("another");
    FilesOfNodes::Files files = render();
    EXPECT_EQ(key_of(files["n1"]), "n1 another\n");
    EXPECT_EQ(files["n1"].boot.front(), before) << "the other set stays";
}

TEST_F(NodeFilesTest, AReleaseKeepsItsRevision) {
    std::string first = change_plain("first {{ .Id }}");
    std::string second = change_plain("second {{ .Id }}");
    Release old{.id = "r-1", .publication = "p", .files = {{"plain", first}}};
    Release now{.id = "r-2", .publication = "p", .files = {{"plain", second}}};
    FilesOfNodes::Files files = render({{"n1", {{"r-1", &old}, {"r-2", &now}}}});
    EXPECT_TRUE(files["n1"].boot.empty()) << "it does not boot what its groups say";
    EXPECT_EQ(contents_of(files["n1"].of("r-1").boot.at(0), "etc/motd"), "first n1\n");
    EXPECT_EQ(contents_of(files["n1"].of("r-2").boot.at(0), "etc/motd"), "second n1\n");
    EXPECT_EQ(contents_of(files["n3"].boot.at(0), "etc/motd"), "second n3\n");
}

TEST_F(NodeFilesTest, AReleaseThatDoesNotRenderHarmsNoOther) {
    Release broken{.id = "r-1", .publication = "p", .files = {{"plain", change_plain("{{ .Nothing }}")}}};
    Release good{.id = "r-2", .publication = "p", .files = {{"plain", change_plain("{{ .Id }}")}}};
    FilesOfNodes::Files files = render({{"n1", {{"r-1", &broken}, {"r-2", &good}}}});
    EXPECT_TRUE(files["n1"].of("r-1").problem.starts_with("files plain: ")) << files["n1"].of("r-1").problem;
    EXPECT_EQ(files["n1"].of("r-2").problem, "");
    EXPECT_EQ(std::ranges::count_if(
                  table_.problems,
                  [](const std::string& problem) { return problem.starts_with("node n1: files plain: "); }),
              1);
}

TEST_F(NodeFilesTest, SecretsAreNotForNodesWithoutAValueWhereTheHeadNodeIsOpen) {
    files_ = FilesOfNodes({.program = RENDER_PROGRAM, .include = stage_.path / "include"}, store_, true);
    EXPECT_TRUE(render()["n1"].problem.contains("not given to nodes with the trust open"));
}

} // namespace
} // namespace mangrove::head
