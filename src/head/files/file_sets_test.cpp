#include "head/files/file_sets.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <mutex>

#include "head/host/testing/full_tree.h"

namespace mangrove::head {
namespace {

class FileSetsTest : public testing::Test {
  protected:
    FileSetsTest() {
        Result<std::unique_ptr<Database>> database = open_sqlite_database(stage_.path / "nodes.db");
        EXPECT_TRUE(database) << describe(database.error());
        if (database) database_ = std::move(*database);
        shell(stage_.path, "mkdir -p base/etc && echo '{{ .Id }} {{ .Values.rack }} {{ len .AllNodes }}' "
                           ">base/etc/motd.tmpl &&"
                           "echo '{{ .Values.site }}' >base/etc/site.ww && echo plain >base/etc/plain");
        EXPECT_TRUE(database_->commit({{"group/web", R"({"files":["base"],"values":{"site":"a"}})"},
                                       {"node/n1", R"({"groups":["web"],"values":{"rack":1}})"},
                                       {"node/n2", R"({"groups":["web"]})"},
                                       {"node/n3", R"({"groups":["web"],"values":{"rack":1}})"},
                                       {"node/n4", R"({"values":{"rack":1}})"}}));
    }

    std::string import(const std::string& name, const std::string& from, const std::string& moment = "") {
        Result<ImportedFiles> imported = import_files(*database_, store_, name, stage_.path / from, moment);
        return imported ? imported->set.revision + " " + imported->set.moment : imported.error().what;
    }
    Inventory inventory() { return *Inventory::load(*database_); }

    Stage stage_ = make_test_directory();
    std::unique_ptr<Database> database_;
    FileStore store_{stage_.path / "files"};
};

TEST_F(FileSetsTest, ImportsADirectory) {
    std::string first = import("base", "base");
    EXPECT_TRUE(first.starts_with("base-") && first.ends_with(" boot")) << first;
    EXPECT_EQ(import("base", "base", "live"), split(first, ' ')[0] + " live");
    EXPECT_EQ(import("base", "base"), split(first, ' ')[0] + " live");
    EXPECT_EQ(find_file_set(*database_, "base")->moment, "live");
    EXPECT_EQ(find_file_set(*database_, "bsae").error().what, "files bsae: not found; did you mean 'base'?");
    EXPECT_EQ(import("base", "base", "later"), "--moment: expected boot or live, got 'later'");
    EXPECT_FALSE(import_files(*database_, store_, "../base", stage_.path / "base", ""));
    shell(stage_.path, "mkdir empty");
    EXPECT_TRUE(import("base", "empty").ends_with("empty: empty; name a directory with files"));
}

TEST_F(FileSetsTest, ImportsAnOverlayOfWarewulf) {
    shell(stage_.path, "mkdir -p overlay/internal overlay/rootfs/etc && echo x >overlay/rootfs/etc/x.ww");
    std::string revision = split(import("overlay", "overlay"), ' ')[0];
    Result<FileTree> tree = store_.read("overlay", revision);
    ASSERT_TRUE(tree) << describe(tree.error());
    EXPECT_EQ(tree->size(), 2u);
    EXPECT_TRUE(tree->contains("etc/x.ww"));
}

TEST_F(FileSetsTest, RendersForEachNodeAndFoldsErrors) {
    FileTree tree = *store_.read("base", split(import("base", "base"), ' ')[0]);
    std::map<std::string, std::string> tars;
    std::mutex mutex;
    auto keep = [&](const std::string& node, const std::string& tar) -> Result<std::string> {
        std::lock_guard lock(mutex);
        tars[node] = tar;
        return store_.add_rendered(tar);
    };
    Result<RenderedFiles> rendered = render_files({.program = RENDER_PROGRAM}, "base", tree, inventory(),
                                                  {"n1", "n2", "n3", "n4"}, {}, keep);
    ASSERT_TRUE(rendered) << describe(rendered.error());
    ASSERT_EQ(rendered->nodes.size(), 2u);
    EXPECT_EQ(rendered->nodes[1].node, "n3");
    EXPECT_EQ(rendered->nodes[1].size, tars["n3"].size());
    FileTree made = *read_tar(store_.rendered(rendered->nodes[1].digest));
    EXPECT_EQ(made["etc/motd"].contents, "n3 1 4\n");
    EXPECT_EQ(made["etc/site"].contents, "a\n");
    EXPECT_EQ(made["etc/plain"].contents, "plain\n");
    EXPECT_EQ(made.size(), 4u);
    ASSERT_EQ(rendered->problems.size(), 2u);
    EXPECT_EQ(rendered->problems[0].nodes, std::vector<std::string>{"n2"});
    EXPECT_TRUE(rendered->problems[0].error.contains("etc/motd.tmpl:1:20")) << rendered->problems[0].error;
    EXPECT_TRUE(rendered->problems[1].error.contains("no entry for key \"site\""));
}

TEST_F(FileSetsTest, RemovesOnlyWhatNoGroupNames) {
    import("base", "base");
    import("other", "base");
    EXPECT_EQ(remove_files(*database_, store_, inventory(), "base").error().what,
              "files base: in use by the group web; remove it there first");
    EXPECT_TRUE(remove_files(*database_, store_, inventory(), "other"));
    EXPECT_EQ(list_file_sets(*database_)->size(), 1u);
    EXPECT_TRUE(store_.revisions("other").empty());
}

} // namespace
} // namespace mangrove::head
