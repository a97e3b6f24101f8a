#include "head/rollout/release.h"

#include <gtest/gtest.h>

#include "head/host/json.h"
#include "head/host/testing/full_tree.h"
#include "head/rollout/node_state.h"
#include "head/rollout/rollout.h"

namespace mangrove::head {
namespace {

class ReleaseTest : public testing::Test {
  protected:
    Release make(const std::string& publication) {
        Result<Release> made = make_release(*database_, {.publication = publication});
        EXPECT_TRUE(made) << describe(made.error());
        return std::move(*made);
    }
    std::string problem_of_removal(const std::string& reference) {
        Result<Release> removed = remove_release(*database_, reference);
        return removed ? "" : removed.error().what;
    }
    void put(const std::string& key, const std::string& value) {
        ASSERT_TRUE(database_->commit({{key, value}}));
    }

    Stage stage_ = make_test_directory();
    std::unique_ptr<Database> database_ = open_sqlite_database(stage_.path / "nodes.db").value();
};

Release full_release(const char* definition) {
    return {.publication = "debian-82e401234567.iscsi",
            .files = {{"base", "base-0123456789ab", "boot"}, {"hosts", "hosts-0123456789ab", "live"}},
            .arguments = {"quiet", "console=ttyS1"},
            .definition = *parse_json(definition, "definition")};
}

TEST_F(ReleaseTest, has_an_id_from_its_content) {
    Release one =
        make_release(*database_, full_release(R"({"timeout":60,"upper":{"size":"4G","a":[2,1]}})")).value();
    // `printf %s JSON | sha256sum`
    EXPECT_EQ(
        to_json(one),
        R"({"arguments":["quiet","console=ttyS1"],"definition":{"timeout":60,"upper":{"a":[2,1],"size":"4G"}},)"
        R"("files":[{"moment":"boot","revision":"base-0123456789ab","set":"base"},)"
        R"({"moment":"live","revision":"hosts-0123456789ab","set":"hosts"}],)"
        R"("publication":"debian-82e401234567.iscsi"})");
    EXPECT_EQ(one.id, "r-aef35ed4872d");
    Release same =
        make_release(*database_, full_release(R"({"upper":{"a":[2,1],"size":"4G"},"timeout":60})")).value();
    EXPECT_EQ(same.id, one.id);
    EXPECT_EQ(same.read_at, one.read_at) << "it was written again";
    Release other =
        make_release(*database_, full_release(R"({"upper":{"a":[1,2],"size":"4G"},"timeout":60})")).value();
    EXPECT_NE(other.id, one.id);
    EXPECT_EQ(list_releases(*database_).value().size(), 2U);
}

TEST_F(ReleaseTest, is_read_as_it_was_written) {
    Release made = make_release(*database_, full_release(R"({"fallback":{"name":"x"}})")).value();
    Release found = find_release(*database_, made.id).value();
    EXPECT_EQ(to_json(found), to_json(made));
    EXPECT_EQ(found.files, made.files);
    EXPECT_EQ(found.read_at, made.read_at);
}

TEST_F(ReleaseTest, is_found_by_enough_of_its_id) {
    Release one = make("a");
    EXPECT_EQ(find_release(*database_, one.id.substr(0, 6)).value().id, one.id);
    EXPECT_EQ(find_release(*database_, "r-").error().what, "release r-: not found");
    std::string misspelled = one.id;
    std::swap(misspelled[5], misspelled[6]);
    misspelled[7] = 'x';
    EXPECT_EQ(find_release(*database_, misspelled).error().what,
              "release " + misspelled + ": not found; did you mean '" + one.id + "'?");
    put("release/r-aaaaaaaaaaaa", to_json(one));
    put("release/r-aaaaaaaaaaab", to_json(one));
    EXPECT_EQ(find_release(*database_, "r-aaaa").error().what,
              "'r-aaaa' can be r-aaaaaaaaaaaa or r-aaaaaaaaaaab");
}

TEST_F(ReleaseTest, needs_a_publication_and_revisions) {
    auto problem = [&](Release release) { return make_release(*database_, std::move(release)).error().what; };
    EXPECT_EQ(problem({}), "release: no publication");
    EXPECT_EQ(problem({.publication = "p", .files = {{"base", ""}}}), "release: files base: no revision");
    EXPECT_EQ(problem({.publication = "p", .files = {{"base", "1"}, {"base", "2"}}}),
              "release: files base: named twice");
    EXPECT_EQ(problem({.publication = "p", .files = {{"base", "1", "later"}}}),
              "release: files base: expected boot or live, got 'later'");
    EXPECT_TRUE(list_releases(*database_).value().empty());
}

TEST_F(ReleaseTest, of_another_content_with_the_same_id_is_refused) {
    Release made = make("a");
    put(made.key(), to_json(Release{.publication = "b"}));
    EXPECT_EQ(make_release(*database_, {.publication = "a"}).error().what,
              "release " + made.id + ": another release has this id; change the definition");
}

TEST_F(ReleaseTest, in_use_is_not_removed) {
    Release used = make("used");
    put("state/n1", to_json(NodeState{.node = "n1", .committed = used.id}));
    put("state/n2", to_json(NodeState{.node = "n2", .committed = used.id}));
    EXPECT_EQ(problem_of_removal(used.id),
              "release " + used.id + ": in use by the nodes n[1-2]; roll another release out first");
    put("state/n1", to_json(NodeState{.node = "n1"}));
    put("state/n2", to_json(NodeState{.node = "n2"}));
    put("rollout/7", to_json(Rollout{.release = used.id, .nodes = {{"n1"}}}));
    EXPECT_EQ(problem_of_removal(used.id),
              "release " + used.id + ": in use by the rollout 7; roll another release out first");
    put("rollout/7", to_json(Rollout{.release = used.id, .nodes = {{"n1"}}, .status = Status::done}));
    EXPECT_EQ(problem_of_removal(used.id), "");
    EXPECT_EQ(problem_of_removal(used.id), "release " + used.id + ": not found");
}

TEST_F(ReleaseTest, that_is_removed_meanwhile_fails_the_transaction_that_uses_it) {
    Release release = make("a");
    EXPECT_TRUE(database_->commit({keep_release(release)}));
    EXPECT_EQ(database_->commit({{release.key(), std::nullopt, release.read_at}}).error().code, ESTALE)
        << "one who read it before it was used could remove it";
    release = find_release(*database_, release.id).value();
    ASSERT_TRUE(remove_release(*database_, release.id));
    EXPECT_EQ(database_->commit({keep_release(release)}).error().code, ESTALE);
}

TEST_F(ReleaseTest, whose_record_is_damaged_is_an_error) {
    auto problem = [&](const std::string& json) {
        return release_from({.key = "release/r-1", .value = json}).error().what;
    };
    EXPECT_EQ(problem("{"), "release/r-1: not JSON");
    EXPECT_EQ(problem(R"({"publication":"a"})"), "release/r-1: files: missing");
    EXPECT_EQ(problem(R"({"publication":"a","files":[{}],"arguments":[],"definition":{}})"),
              "release/r-1: files: set: missing");
    EXPECT_EQ(problem(R"({"publication":"a","files":[],"arguments":[1],"definition":{}})"),
              "release/r-1: arguments: expected a list of texts");
    EXPECT_EQ(problem(R"({"publication":"a","files":[],"arguments":[],"definition":[]})"),
              "release/r-1: definition: expected an object");
}

} // namespace
} // namespace mangrove::head
