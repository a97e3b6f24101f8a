#include "root/record_profile.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "machine/run_files.h"
#include "system/fake/downloads.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::HasSubstr;

constexpr const char* kUnit = "/run/systemd/system/mangrove-profile.service";
constexpr const char* kUrl = "http://192.0.2.1/n/profile?node=n1";

/// A node at the end of its boot, and its head node.
struct RecordProfile : testing::Test {
    RecordProfile() {
        system.use(downloads);
        system.add_file("/proc/cmdline", "quiet mangrove.profile=record\n");
        system.add_file("/proc/self/exe", "program");
        root.path = "/newroot";
        root.name = "debian";
        root.report = {"http://192.0.2.1/n/report?node=n1", seconds(1)};
        set_log_sink([this](LogLevel level, std::string_view line) { log += shown_line(level, line); });
    }
    ~RecordProfile() override {
        set_log_sink([](LogLevel, std::string_view) {});
    }
    void end_recording() {
        ASSERT_TRUE(system.recording());
        system.add_file(kProfilePath, system.recording()->to_text({{"/usr/bin/sh", {{0, 4096}}}}));
    }

    Transcript transcript;
    FakeSystem system{transcript};
    FakeDownloads downloads{transcript};
    Boot boot{system};
    Root root;
    std::string log;
};

TEST_F(RecordProfile, IsPostedWhereTheReportGoes) {
    boot.timeline.release = "r-1";
    record_profile(boot, root);
    ASSERT_TRUE(system.recording());
    EXPECT_EQ(system.recording()->root, "/newroot");
    EXPECT_THAT(system.file(kUnit).value_or(""), HasSubstr("mangrove post-profile"));
    // One that ended at its limit, before multi-user, is there already, and not posted.
    EXPECT_THAT(system.file(kUnit).value_or(""),
                HasSubstr(text("ConditionFileNotEmpty=", kProfilePostPath, "\n")));
    end_recording();
    downloads.serve(kUrl, {.head = {.status = 204}});
    Result<> posted = post_profile(system);
    ASSERT_TRUE(posted) << describe(posted.error());
    EXPECT_TRUE(system.file(system.recording()->end));
    EXPECT_EQ(system.file(kProfilePath),
              "{\"version\":1,\"name\":\"debian\",\"release\":\"r-1\",\"files\":[\n"
              "{\"path\":\"/usr/bin/sh\",\"ranges\":[[0,4096]]}\n]}\n");
    EXPECT_EQ(system.file(kProfilePostPath), "");
}

TEST_F(RecordProfile, StaysOnANodeWithoutAHead) {
    root.report.reset();
    record_profile(boot, root);
    end_recording();
    EXPECT_TRUE(post_profile(system));
    EXPECT_THAT(log, HasSubstr("the profile of the boot is /run/mangrove/profile.json"));
}

TEST_F(RecordProfile, IsNotRecordedUnlessItIsWanted) {
    for (const char* arguments : {"quiet", "mangrove.profile=off", "mangrove.profile=recrod"}) {
        system.add_file("/proc/cmdline", arguments);
        record_profile(boot, root);
        EXPECT_FALSE(system.recording()) << arguments;
        EXPECT_FALSE(system.file(kUnit)) << arguments;
    }
    EXPECT_THAT(log, HasSubstr("mangrove.profile=recrod: expected record or off; ignoring"));
}

TEST_F(RecordProfile, AKernelThatCannotRecordEndsNoBoot) {
    Transcript first;
    FakeSystem other{first};
    other.add_file("/proc/cmdline", "mangrove.profile=record\n");
    other.add_file("/proc/self/exe", "program");
    Boot boot_of_other{other};
    record_profile(boot_of_other, root);
    auto line = std::ranges::find(first.lines(), "recording what is read from /newroot");
    ASSERT_NE(line, first.lines().end());
    transcript.fail_at(static_cast<size_t>(line - first.lines().begin()));
    record_profile(boot, root);
    EXPECT_THAT(log, HasSubstr("recording what this boot reads: recording what is read from /newroot"));
    EXPECT_FALSE(system.file(kUnit));
}

TEST_F(RecordProfile, OneThatDoesNotComeIsSaid) {
    record_profile(boot, root);
    Result<> posted = post_profile(system);
    ASSERT_FALSE(posted);
    EXPECT_THAT(posted.error().what, HasSubstr("no profile was recorded within 60 s"));
}

TEST(ProfileText, LeavesOutWhatNoProfileHolds) {
    std::vector<ReadFile> files = {{"/a\nb", {}}, {"/\xff", {}}, {"/caf\xc3\xa9", {{4096, 1}, {8192, 2}}}};
    EXPECT_EQ(profile_text("a\nb", "", files),
              "{\"version\":1,\"files\":[\n{\"path\":\"/caf\xc3\xa9\",\"ranges\":[[4096,1],[8192,2]]}\n]}\n");
    files.clear();
    for (int number = 0; number < 20'000; ++number)
        files.push_back({"/" + std::string(100, 'a') + text(number), {{0, 4096}}});
    EXPECT_LE(profile_text("", "", files).size(), 1'000'100U);
}

/// A head node refuses a profile that names a file twice.
TEST(ProfileText, NamesAFileThatWasReplacedOnce) {
    EXPECT_EQ(profile_text("", "", {{"/a", {{0, 1}}}, {"/b", {{0, 2}}}, {"/a", {{0, 1}}}}),
              "{\"version\":1,\"files\":[\n{\"path\":\"/a\",\"ranges\":[[0,1]]},\n"
              "{\"path\":\"/b\",\"ranges\":[[0,2]]}\n]}\n");
}

TEST(ProfileUrl, IsBesideThatOfTheReport) {
    EXPECT_EQ(profile_url("https://h/n/report?node=n1&a=/report"), "https://h/n/profile?node=n1&a=/report");
    EXPECT_EQ(profile_url("https://h/report"), "https://h/profile");
    EXPECT_EQ(profile_url("https://h/reports/n1"), "");
    EXPECT_EQ(profile_url(""), "");
}

} // namespace
} // namespace mangrove
