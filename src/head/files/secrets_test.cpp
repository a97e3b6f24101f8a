#include "head/files/secrets.h"

#include <gtest/gtest.h>

#include "head/files/file_sets.h"
#include "head/host/testing/full_tree.h"
#include "head/nodes/changes.h"

namespace mangrove::head {
namespace {

class SecretsTest : public testing::Test {
  protected:
    SecretsTest() { EXPECT_TRUE(database_); }

    std::string set(const std::string& name, const std::string& value) {
        Result<std::optional<Secret>> written = set_secret(*database_, name, value, "somebody");
        if (!written) return written.error().what;
        return *written ? "written" : "unchanged";
    }
    std::string remove(const std::string& name) {
        Result<> removed = remove_secret(*database_, store_, *Inventory::load(*database_), name);
        return removed ? "removed" : removed.error().what;
    }
    void import(const std::string& set, const std::string& written) {
        shell(stage_.path, text("rm -rf tree; mkdir tree"));
        ASSERT_TRUE(write_file(stage_.path / "tree" / "key.tmpl", written));
        ASSERT_TRUE(import_files(*database_, store_, set, stage_.path / "tree", ""));
    }

    Stage stage_ = make_test_directory();
    std::unique_ptr<Database> database_ = open_sqlite_database(stage_.path / "nodes.db").value_or(nullptr);
    FileStore store_{stage_.path / "files"};
};

TEST_F(SecretsTest, AreListedWithoutTheirValues) {
    const std::string key("\0\xff\n", 3);
    EXPECT_EQ(set("munge", key), "written");
    EXPECT_EQ(set("munge", key), "unchanged");
    EXPECT_EQ(set("a", std::string(kMostBytesOfSecret, 'x')), "written");
    std::vector<Secret> listed = *list_secrets(*database_);
    ASSERT_EQ(listed.size(), 2u);
    EXPECT_EQ(listed[1].name, "munge");
    EXPECT_EQ(listed[1].size, 3u);
    EXPECT_EQ(listed[1].who, "somebody");
    EXPECT_EQ(secret_values(*database_)->at("munge"), key);
    EXPECT_EQ(secret_placeholders(*database_)->at("munge"), "(secret munge)");
    EXPECT_EQ(set("empty", ""), "secret empty: it is empty; give its value");
    EXPECT_TRUE(set("large", std::string(kMostBytesOfSecret + 1, 'x')).contains("larger than 64 KiB"));
    EXPECT_TRUE(set("../x", "x").starts_with("invalid secret name"));
}

TEST_F(SecretsTest, AreNoPartOfNodesAndTheirHistory) {
    set("munge", "opensesame");
    EXPECT_TRUE(Inventory::load(*database_)->objects().empty());
    EXPECT_TRUE(list_events(*database_)->empty());
}

TEST_F(SecretsTest, StayAsLongAsSomethingNamesThem) {
    set("munge", "a");
    EXPECT_EQ(remove("mnuge"), "secret mnuge: not found; did you mean 'munge'?");
    import("auth", "{{ secret `munge` }}");
    EXPECT_EQ(remove("munge"),
              "secret munge: in use by the template key.tmpl of files auth; remove it there first");
    import("auth", "{{ secret \"munge2\" }}");
    ASSERT_TRUE(database_->commit({{"node/n1", R"({"bmc":{"secret":"munge"}})"}}));
    EXPECT_EQ(remove("munge"), "secret munge: in use by bmc.secret of node n1; remove it there first");
    ASSERT_TRUE(database_->commit({{"node/n1", "{}"}}));
    EXPECT_EQ(remove("munge"), "removed");
    EXPECT_TRUE(list_secrets(*database_)->empty());
}

} // namespace
} // namespace mangrove::head
