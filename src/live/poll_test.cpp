#include "live/poll.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "machine/run_files.h"
#include "system/fake/archives.h"
#include "system/fake/downloads.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kUrl = "https://node:grey-heron@192.0.2.1/n/live";
constexpr const char* kShown = "https://192.0.2.1/n/live";

/// Records what it is told to do; the test says what it finds.
class ScriptedNodeFiles : public NodeFiles {
  public:
    explicit ScriptedNodeFiles(FakeSystem& system) : system_(system) {}
    Result<LiveState> load() override { return loaded; }
    Result<> save(const LiveState& state) override {
        loaded = state;
        return {};
    }
    Result<> make_empty(const std::string& directory) override {
        if (is_run_full) return system_error(ENOSPC, "making ", directory);
        system_.remove(directory);
        system_.add_directory(directory);
        return {};
    }
    bool look(LiveState& state) override {
        state.left = left;
        return std::exchange(needs_set, false);
    }
    Result<Applied> apply(const std::string& directory, LiveState& state) override {
        applied.push_back(system_.file(directory + "/etc/motd").value_or("(none)"));
        state.version.clear();
        state.left = left;
        if (problem) return std::unexpected(*problem);
        return Applied{.replaced = 1, .removed = 2};
    }

    Result<LiveState> loaded = LiveState();
    std::map<std::string, LeftFile> left;
    std::vector<std::string> applied;
    std::optional<Error> problem;
    bool needs_set = false;
    bool is_run_full = false;

  private:
    FakeSystem& system_;
};

struct PollTest : testing::Test {
    PollTest() {
        system.use(downloads);
        archives.add_archive("set one", {{"/etc/motd", "one"}});
        archives.add_archive("set two", {{"/etc/motd", "two"}});
        set_log_sink([this](LogLevel, std::string_view line) { log.emplace_back(line); });
    }
    ~PollTest() override { set_log_sink({}); }

    void serve(const DownloadAnswer& head, const std::string& body = "") {
        downloads.serve(kUrl, {.head = head, .body = body});
    }
    void serve_set(const std::string& version, const std::string& body) { serve({.version = version}, body); }
    Poll poll() { return Poll(system, files, {.url = kUrl, .interval = seconds(60)}); }
    std::vector<std::string> asked_for() const {
        std::vector<std::string> versions;
        for (const DownloadRequest& request : downloads.requests)
            versions.push_back(request.version);
        return versions;
    }

    Transcript transcript;
    FakeSystem system{transcript};
    FakeDownloads downloads{transcript};
    FakeArchives archives{system};
    ScriptedNodeFiles files{system};
    std::vector<std::string> log;
};

TEST_F(PollTest, AppliesASetOnce) {
    serve_set("\"v1\"", "set one");
    serve({.status = 304});
    Poll live = poll();
    EXPECT_EQ(live.round(), seconds(60));
    EXPECT_EQ(live.round(), seconds(60));
    EXPECT_THAT(files.applied, ElementsAre("one"));
    EXPECT_THAT(asked_for(), ElementsAre("", "\"v1\""));
    EXPECT_EQ(downloads.requests[0].authorities, kServerAuthorities);
    EXPECT_EQ(files.loaded->version, "\"v1\"");
    EXPECT_EQ(files.loaded->server, kShown);
    EXPECT_THAT(log, ElementsAre("files: 1 file replaced, 2 removed"));
    EXPECT_EQ(system.path_kind(text(kFilesDirectory, "/tree")), PathKind::missing) << "it may hold secrets";
}

TEST_F(PollTest, AppliesTheNextSet) {
    serve_set("\"v1\"", "set one");
    serve_set("\"v2\"", "set two");
    Poll live = poll();
    live.round();
    live.round();
    EXPECT_THAT(files.applied, ElementsAre("one", "two"));
    EXPECT_EQ(files.loaded->version, "\"v2\"");
}

TEST_F(PollTest, GoesOnAfterARestart) {
    files.loaded->version = "\"v1\"";
    serve({.status = 304});
    poll().round();
    EXPECT_THAT(asked_for(), ElementsAre("\"v1\""));
    EXPECT_TRUE(files.applied.empty());
}

TEST_F(PollTest, FetchesTheSameSetAgainWhereTheNodeNeedsIt) {
    files.loaded->version = "\"v1\"";
    files.needs_set = true;
    serve({.status = 503});
    serve_set("\"v1\"", "set one");
    Poll live = poll();
    live.round();
    live.round();
    EXPECT_THAT(asked_for(), ElementsAre("", "")) << "also after a round that failed";
    EXPECT_THAT(files.applied, ElementsAre("one"));
}

TEST_F(PollTest, WaitsAsTheServerAsks) {
    serve({.status = 503, .retry_after = seconds(17)});
    serve({.status = 503, .retry_after = seconds(1000000)});
    serve({.status = 503});
    Poll live = poll();
    EXPECT_EQ(live.round(), seconds(17));
    EXPECT_EQ(live.round(), seconds(86400));
    EXPECT_EQ(live.round(), seconds(60));
    EXPECT_THAT(log,
                ElementsAre(text("files: ", kShown,
                                 ": the server answered 503 (service unavailable); retrying every 60 s")));
}

TEST_F(PollTest, SaysEachFailureOnceAndItsEnd) {
    serve({.status = 503});
    serve({.status = 503});
    serve({.status = 403});
    serve_set("\"v1\"", "set one");
    Poll live = poll();
    Time begin = system.now();
    for (int rounds = 0; rounds < 4; ++rounds) {
        live.round();
        system.sleep(seconds(60));
    }
    EXPECT_THAT(log, ElementsAre(HasSubstr("503"), HasSubstr("403 (forbidden); retrying every 60 s"),
                                 "files: 1 file replaced, 2 removed",
                                 text("files: ", kShown, " can be fetched again")));
    EXPECT_EQ(files.loaded->error, "");
    EXPECT_EQ(files.loaded->answered, begin + seconds(180));
    for (const std::string& line : log)
        EXPECT_EQ(line.find("grey-heron"), std::string::npos) << line;
    EXPECT_EQ(to_json(*files.loaded).find("grey-heron"), std::string::npos);
}

TEST_F(PollTest, RemembersSinceWhenTheServerIsAway) {
    Poll live = poll();
    Time begin = system.now();
    serve({.status = 503});
    system.sleep(seconds(600));
    live.round();
    EXPECT_EQ(files.loaded->answered, begin);
    EXPECT_THAT(files.loaded->error, HasSubstr("503"));
}

TEST_F(PollTest, ANodeWithoutASetKeepsItsFiles) {
    for (unsigned status : {404u, 410u, 404u})
        serve({.status = status});
    serve_set("\"v1\"", "set one");
    Poll live = poll();
    live.round();
    live.round();
    EXPECT_TRUE(files.loaded->is_missing);
    EXPECT_EQ(files.loaded->error, "");
    EXPECT_TRUE(files.applied.empty());
    EXPECT_THAT(
        log, ElementsAre(text("files: ", kShown, " has no files for this node; it keeps those that it has")));
    live.round();
    live.round();
    EXPECT_FALSE(files.loaded->is_missing);
}

TEST_F(PollTest, WhatIsNoArchiveIsNotApplied) {
    serve_set("\"v1\"", "an error page");
    serve_set("\"v2\"", "set one");
    Poll live = poll();
    live.round();
    EXPECT_THAT(log, ElementsAre(HasSubstr("unrecognized archive format; retrying every 60 s")));
    EXPECT_EQ(files.loaded->version, "");
    live.round();
    EXPECT_THAT(files.applied, ElementsAre("one"));
}

TEST_F(PollTest, ASetThatCannotBeAppliedIsFetchedAgain) {
    files.problem = Error{.what = "opening /: no way"};
    serve_set("\"v1\"", "set one");
    Poll live = poll();
    live.round();
    files.problem.reset();
    live.round();
    EXPECT_THAT(asked_for(), ElementsAre("", ""));
    EXPECT_THAT(files.applied, ElementsAre("one", "one"));
}

TEST_F(PollTest, AFullRunIsAFailure) {
    files.is_run_full = true;
    EXPECT_EQ(poll().round(), seconds(60));
    EXPECT_THAT(log, ElementsAre(HasSubstr("No space left on device; retrying every 60 s")));
    EXPECT_TRUE(downloads.requests.empty());
}

TEST_F(PollTest, SaysOnceWhatItLeaves) {
    files.loaded->version = "\"v1\"";
    serve({.status = 304});
    Poll live = poll();
    files.left["/etc/motd"] = {LeftFile::Why::changed, "changed on this node"};
    live.round();
    live.round();
    EXPECT_THAT(log, ElementsAre("files: /etc/motd: changed on this node"));
    files.left["/etc/motd"].what = "changed on this node and gone";
    live.round();
    files.left.clear();
    live.round();
    EXPECT_THAT(log, ElementsAre(testing::_, "files: /etc/motd: changed on this node and gone"));
}

TEST_F(PollTest, AStateThatCannotBeReadIsBegunAnew) {
    files.loaded = permanent_error("it is not JSON");
    serve_set("\"v1\"", "set one");
    poll().round();
    EXPECT_THAT(log, ElementsAre(HasSubstr("/run/mangrove/files.json: it is not JSON, starting without it"),
                                 testing::_));
    EXPECT_EQ(files.loaded->version, "\"v1\"");
}

TEST_F(PollTest, AsksAtADifferentMomentOfTheInterval) {
    serve({.status = 304});
    files.loaded->version = "\"v1\"";
    Poll live = poll();
    Time begin = system.now();
    std::vector<Time> rounds;
    keep_files(system, live, [&] {
        rounds.push_back(system.now());
        return rounds.size() < 4;
    });
    EXPECT_EQ(rounds[0], begin);
    EXPECT_LT(rounds[1] - begin, seconds(60));
    EXPECT_EQ(rounds[2] - rounds[1], seconds(60));
    EXPECT_EQ(rounds[3] - rounds[2], seconds(60));
}

TEST_F(PollTest, KnowsItsServerFromTheBoot) {
    system.add_file(kFilesSettings, R"({"url":"https://head/n/live","interval":90})");
    Result<definition::NodeServer> server = read_server(system, kFilesUnit);
    ASSERT_TRUE(server);
    EXPECT_EQ(server->url, "https://head/n/live");
    EXPECT_EQ(server->interval, seconds(90));
    system.add_file(kFilesSettings, "");
    EXPECT_EQ(read_server(system, kFilesUnit).error().what,
              "/run/mangrove/files-server.json names no server");
}

} // namespace
} // namespace mangrove
