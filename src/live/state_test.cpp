#include "live/state.h"

#include <gtest/gtest.h>

namespace mangrove {
namespace {

const FileVersion kKey = {.mode = 0400, .owner = 998, .group = 997, .digest = "0123"};
const FileVersion kLink = {.kind = FileVersion::Kind::link, .digest = "4567"};

TEST(LiveState, IsReadAsItWasWritten) {
    LiveState state = {.server = "https://head/n/live",
                       .interval = seconds(90),
                       .version = "\"v1\"",
                       .fetched = Time(milliseconds(12500)),
                       .answered = Time(milliseconds(13250)),
                       .is_missing = true,
                       .error = "connecting: Connection refused"};
    state.files["/etc/munge/munge.key"] = {.applied = kKey, .next = kLink};
    state.files["/etc/\"quoted\""] = {.next = kKey, .was_there = true, .is_gone = true};
    state.left["/etc/motd"] = {LeftFile::Why::in_the_way, "something is there"};
    LiveState read = *parse_live_state(to_json(state));
    EXPECT_EQ(read.server, state.server);
    EXPECT_EQ(read.interval, state.interval);
    EXPECT_EQ(read.version, state.version);
    EXPECT_EQ(read.fetched, state.fetched);
    EXPECT_EQ(read.answered, state.answered);
    EXPECT_TRUE(read.is_missing);
    EXPECT_EQ(read.error, state.error);
    ASSERT_EQ(read.files.size(), 2u);
    EXPECT_EQ(read.files["/etc/munge/munge.key"].applied, kKey);
    EXPECT_EQ(read.files["/etc/munge/munge.key"].next, kLink);
    const LiveFile& quoted = read.files["/etc/\"quoted\""];
    EXPECT_FALSE(quoted.applied);
    EXPECT_EQ(quoted.next, kKey);
    EXPECT_TRUE(quoted.was_there && quoted.is_gone);
    EXPECT_EQ(read.left, state.left);
}

TEST(LiveState, IsReadFromNothingElse) {
    EXPECT_EQ(parse_live_state("").error().what, "it is not JSON");
    EXPECT_TRUE(parse_live_state("[]")->files.empty());
    EXPECT_TRUE(parse_live_state(R"({"files":7,"left":{"/a":7}})")->files.empty());
}

} // namespace
} // namespace mangrove
