#include "head/files/file_tree.h"

#include <gtest/gtest.h>

#include "head/files/file_store.h"
#include "head/files/rendered_tree.h"
#include "head/files/tree_difference.h"
#include "head/host/testing/full_tree.h"

namespace mangrove::head {
namespace {

namespace fs = std::filesystem;

class FileTreeTest : public testing::Test {
  protected:
    FileTree read(const fs::path& directory) {
        Result<FileTree> tree = read_tree(directory);
        EXPECT_TRUE(tree) << describe(tree.error());
        return tree.value_or(FileTree());
    }
    std::string error_of(const fs::path& directory) {
        Result<FileTree> tree = read_tree(directory);
        return tree ? "no error" : tree.error().what;
    }

    Stage stage_ = make_test_directory();
};

TEST_F(FileTreeTest, ComesBackFromItsTar) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, for owners";
    fs::path directory = stage_.path / "tree";
    fs::create_directory(directory);
    fill_tree(directory);
    shell(directory, "find . -type s -delete");
    FileTree tree = read(directory);
    std::string tar = to_tar(tree).value_or("");
    ASSERT_TRUE(write_file(stage_.path / "a.tar", tar));
    Result<FileTree> again = read_tar(stage_.path / "a.tar");
    ASSERT_TRUE(again) << describe(again.error());
    EXPECT_EQ(to_tar(*again), tar);
    for (auto& [name, file] : tree)
        file.hard_link.clear();
    for (auto& [name, file] : *again)
        file.hard_link.clear();
    EXPECT_TRUE(*again == tree);
    shell(stage_.path, "touch -d 2001-01-01 tree/* && cp -a tree copy");
    EXPECT_EQ(to_tar(read(stage_.path / "copy")), tar);
    // Debian's own tar agrees, also about capabilities and names that are no UTF-8.
    shell(stage_.path, "mkdir out && tar -x --xattrs --xattrs-include='*' -p -f a.tar -C out");
    EXPECT_EQ(to_tar(read(stage_.path / "out")), tar);
}

TEST_F(FileTreeTest, TakesOwnersAndModesFromTheManifest) {
    shell(stage_.path,
          "mkdir -p t/etc && cd t && echo a >etc/a && echo b >etc/b && ln -s a etc/c && chmod 644 etc/*;"
          "printf '# all\\n* - 0 0\\netc/b 0600 5 6\\n\\n' >.manifest");
    FileTree tree = read(stage_.path / "t");
    EXPECT_EQ(tree.size(), 4u);
    EXPECT_EQ(tree["etc/a"], (TreeFile{.permissions = 0644, .contents = "a\n"}));
    EXPECT_EQ(tree["etc/b"], (TreeFile{.permissions = 0600, .owner = 5, .group = 6, .contents = "b\n"}));
    EXPECT_EQ(tree["etc/c"], (TreeFile{.kind = 'l', .permissions = 0777, .detail = "a"}));
    shell(stage_.path, "printf '* - 0 0\\n* 0999 0 0\\n' >t/.manifest");
    EXPECT_EQ(error_of(stage_.path / "t"),
              (stage_.path / "t/.manifest").native() + ":2: expected an octal mode or '-', got '0999'");
    shell(stage_.path, "echo etc 0 >t/.manifest");
    EXPECT_TRUE(error_of(stage_.path / "t").ends_with(":1: expected PATTERN MODE OWNER GROUP"));
    EXPECT_TRUE(error_of(stage_.path / "none").ends_with("none: not a directory"));
}

TEST_F(FileTreeTest, PutsWhatTemplatesMakeInTheirPlace) {
    FileTree tree = {{"etc", {.kind = 'd', .permissions = 0755}},
                     {"etc/a.conf", {.contents = "plain"}},
                     {"etc/a.conf.ww", {.permissions = 0600, .owner = 3, .contents = "{{ }}"}},
                     {"etc/b.tmpl", {.contents = "t"}},
                     {"etc/c.tmpl.d", {.contents = "no template"}},
                     {"etc/d.tmpl", {.contents = "t"}}};
    std::vector<Template> templates = templates_of(tree);
    ASSERT_EQ(templates.size(), 3u);
    EXPECT_EQ(templates[0].name, "etc/a.conf.ww");
    Rendering one = std::vector<RenderedFile>{{"", "made", ""}};
    Rendering several =
        std::vector<RenderedFile>{{"x", "X", ""}, {"../usr/y", "Y", ""}, {"/z", "", "/target"}};
    Rendering none;
    Result<FileTree> made = rendered_tree(tree, {&one, &several, &none});
    ASSERT_TRUE(made) << describe(made.error());
    EXPECT_EQ(made->size(), 6u);
    EXPECT_EQ((*made)["etc/a.conf"], (TreeFile{.permissions = 0600, .owner = 3, .contents = "made"}));
    EXPECT_EQ((*made)["etc/x"].contents, "X");
    EXPECT_EQ((*made)["usr/y"].contents, "Y");
    EXPECT_EQ((*made)["z"], (TreeFile{.kind = 'l', .permissions = 0777, .detail = "/target"}));
}

TEST_F(FileTreeTest, RefusesNamesThatLeadElsewhere) {
    FileTree tree = {{"etc/a.tmpl", {}}, {"etc/b.tmpl", {}}, {"etc/l", {.kind = 'l', .detail = "/"}}};
    auto error_with = [&](const std::string& name) -> std::string {
        Rendering rendering = std::vector<RenderedFile>{{name, "x", ""}};
        Rendering other = std::vector<RenderedFile>{{"", "y", ""}};
        Result<FileTree> made = rendered_tree(tree, {&rendering, &other});
        return made ? "no error" : made.error().what;
    };
    EXPECT_EQ(error_with("../../x"), "template: etc/a.tmpl: '../../x' is no file of the set");
    EXPECT_EQ(error_with("/../x"), "template: etc/a.tmpl: '/../x' is no file of the set");
    EXPECT_EQ(error_with("/"), "template: etc/a.tmpl: '/' is no file of the set");
    EXPECT_EQ(error_with("d/"), "template: etc/a.tmpl: 'd/' is no file of the set");
    EXPECT_EQ(error_with(".."), "template: etc/a.tmpl: '..' is no file of the set");
    EXPECT_EQ(error_with("b"), "template: etc/b.tmpl: etc/b is made by etc/a.tmpl, too");
    EXPECT_EQ(error_with("l/passwd"), "etc/l/passwd: etc/l is not a directory of the set");
    EXPECT_EQ(error_with("/etc/l"), "no error");
}

TEST_F(FileTreeTest, KeepsRevisions) {
    FileStore store(stage_.path / "files");
    std::string first = store.add("base", {{"a", {.contents = "1"}}}).value_or("");
    std::string second = store.add("base", {{"a", {.contents = "2"}}}).value_or("");
    EXPECT_NE(first, second);
    EXPECT_TRUE(first.starts_with("base-")) << first;
    EXPECT_EQ(store.add("base", {{"a", {.contents = "1"}}}), first);
    EXPECT_EQ(store.revisions("base"), (std::vector{first, second}));
    EXPECT_EQ(store.find_revision("base", second.substr(0, 10)), second);
    EXPECT_FALSE(store.find_revision("base", "base-"));
    EXPECT_EQ(store.read("base", second)->at("a").contents, "2");
    ASSERT_TRUE(write_file(stage_.path / "files/base" / (first + ".tar"), "damaged"));
    EXPECT_TRUE(store.read("base", first).error().what.ends_with(": damaged; import the set again"));
    std::string digest = store.add_rendered("tar").value_or("");
    ASSERT_TRUE(write_file(store.rendered(digest), "t"));
    EXPECT_EQ(store.add_rendered("tar"), digest) << "a part was lost with the power";
    EXPECT_EQ(read_file(store.rendered(digest)), "tar");
    std::string later = store.add_rendered("later").value_or("");
    std::filesystem::last_write_time(store.rendered(later), std::filesystem::file_time_type::clock::now()
                                                                + std::chrono::hours(50'000));
    std::string old = store.add_rendered("old").value_or("");
    std::string kept = store.add_rendered("kept").value_or("");
    for (const std::string& one : {old, kept})
        std::filesystem::last_write_time(store.rendered(one), std::filesystem::file_time_type::clock::now()
                                                                  - std::chrono::hours(48));
    store.prune_rendered({kept});
    EXPECT_TRUE(std::filesystem::exists(store.rendered(digest))) << "it is new";
    EXPECT_TRUE(std::filesystem::exists(store.rendered(kept)));
    EXPECT_FALSE(std::filesystem::exists(store.rendered(old)));
    EXPECT_FALSE(std::filesystem::exists(store.rendered(later))) << "the clock went back";
    EXPECT_TRUE(store.remove("base"));
    EXPECT_TRUE(store.revisions("base").empty());
}

TEST_F(FileTreeTest, ShowsWhatDiffers) {
    FileTree before = {{"a", {.contents = "one\ntwo\n"}}, {"b", {}}, {"d", {.permissions = 0600}}};
    FileTree after = {{"a", {.contents = "one\n2\n"}}, {"c", {}}, {"d", {}}};
    EXPECT_EQ(tree_differences(before, after),
              (std::vector<std::string>{"~ ./a: contents (8 to 6 bytes)", "--- a", "+++ a", "@@ -1,2 +1,2 @@",
                                        " one", "-two", "+2", "- ./b", "+ ./c", "~ ./d: mode 0600 to 0644"}));
    EXPECT_EQ(tree_differences(after, after), std::vector<std::string>());
}

TEST_F(FileTreeTest, ANameCanReadLikeADifference) {
    FileTree before = {{"a: contents (b", {.permissions = 0600}}, {"c: contents (d", {.contents = "one\n"}}};
    FileTree after = {{"a: contents (b", {}}, {"c: contents (d", {.contents = "2\n"}}};
    EXPECT_EQ(tree_differences(before, after),
              (std::vector<std::string>{"~ ./a: contents (b: mode 0600 to 0644",
                                        "~ ./c: contents (d: contents (4 to 2 bytes)", "--- c: contents (d",
                                        "+++ c: contents (d", "@@ -1 +1 @@", "-one", "+2"}));
}

} // namespace
} // namespace mangrove::head
