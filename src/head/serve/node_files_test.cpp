/// With the real mangrove-render.

#include "head/serve/node_files.h"

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
    FilesOfNodes::Files render() {
        table_ = {};
        return *files_.render(*database_, *Inventory::load(*database_), table_);
    }
    std::string key_of(const NodeFiles& files) {
        FileTree tree = *read_tar(store_.rendered(files.boot.back()));
        return tree["etc/key"].contents;
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

TEST_F(NodeFilesTest, SecretsAreNotForNodesWithoutAValueWhereTheHeadNodeIsOpen) {
    files_ = FilesOfNodes({.program = RENDER_PROGRAM, .include = stage_.path / "include"}, store_, true);
    EXPECT_TRUE(render()["n1"].problem.contains("not given to nodes with the trust open"));
}

} // namespace
} // namespace mangrove::head
