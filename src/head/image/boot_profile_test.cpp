#include "head/image/boot_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "head/host/testing/full_tree.h"

namespace mangrove::head {
namespace {

using testing::HasSubstr;

constexpr const char* kText = R"({"version":1,"boots":2,"name":"root","release":"r-1","files":[
{"path":"/usr/bin/a b","ranges":[[0,4096],[8192,4096]]},
{"path":"/etc/one","ranges":[]}
]}
)";

std::string with_files(const std::string& files) {
    return R"({"version":1,"files":[)" + files + "]}";
}

std::string problem_of(const std::string& text) {
    Result<BootProfile> profile = parse_profile(text);
    return profile ? "" : profile.error().what;
}

TEST(BootProfile, HasOneText) {
    Result<BootProfile> profile = parse_profile(kText);
    ASSERT_TRUE(profile) << describe(profile.error());
    EXPECT_EQ(profile->boots, 2U);
    EXPECT_EQ(profile->bytes(), 8192U);
    EXPECT_EQ(profile->files[0], (ProfiledFile{"/usr/bin/a b", {{0, 4096}, {8192, 4096}}}));
    EXPECT_EQ(to_text(*profile), kText);
    EXPECT_EQ(parse_profile(to_text({})).value().files.size(), 0U);
}

TEST(BootProfile, WhatIsNoneIsRefused) {
    for (const auto& [text, what] : {
             std::pair{std::string("x"), "profile"},
             {"[]", "it is not an object"},
             {"{}", "'version' is not 1"},
             {R"({"version":2,"files":[]})", "'version' is not 1"},
             {R"({"version":1})", "'files' is not a list"},
             {R"({"version":1,"files":{}})", "'files' is not a list"},
             {R"({"version":1,"files":[],"more":1})", "unknown member 'more' of the profile"},
             {R"({"version":1,"files":[],"version":1})", "'version' of the profile is given twice"},
             {R"({"version":1,"name":"a\nb","files":[]})", "'name' is not a line"},
             {R"({"version":1,"boots":1.5,"files":[]})", "'boots' is not a whole number"},
             {with_files("1"), "one of 'files' is not an object"},
             {with_files(R"({"path":"/a","ranges":[]},{"path":"/a","ranges":[]})"), "is given twice"},
             {with_files(R"({"path":"/a"})"), "/a: 'ranges' is not a list"},
             {with_files(R"({"path":"/a","ranges":[[1]]})"), "a range is not [offset, size]"},
             {with_files(R"({"path":"/a","ranges":[[0,0]]})"), "a range is empty"},
             {with_files(R"({"path":"/a","ranges":[[0,9],[8,1]]})"), "not behind the one before"},
             {with_files(R"({"path":"/a","ranges":[[-1,1]]})"), "an offset is not a whole number"},
             {with_files(R"({"path":"/a","ranges":[[0,1e300]]})"), "a size is not a whole number"},
         })
        EXPECT_THAT(problem_of(text), HasSubstr(what)) << text;
    EXPECT_THAT(problem_of(std::string(BootProfile::kMostBytes + 1, ' ')), HasSubstr("more than"));
}

TEST(BootProfile, NoPathLeadsOutOfATree) {
    for (const char* path : {"", "/", "a", "../a", "/../a", "/a/../../b", "/a//b", "/./a", "/a/", "/a\\nb",
                             "/a\\u007fb", "/\xff"})
        EXPECT_NE(problem_of(with_files(text(R"({"path":")", path, R"(","ranges":[]})"))), "") << path;
}

TEST(BootProfile, MergedFilesStandWhereTheyStoodOnAverage) {
    BootProfile one = {.name = "root", .files = {{"/a", {{0, 10}}}, {"/b", {{0, 10}}}, {"/c", {}}}};
    BootProfile other = {.boots = 2,
                         .files = {{"/a", {{20, 10}}}, {"/c", {{5, 5}}}, {"/b", {{5, 10}, {30, 1}}}}};
    BootProfile merged = merge_profiles({one, other, one}).value();
    EXPECT_EQ(merged.boots, 4U);
    EXPECT_EQ(merged.name, "root");
    EXPECT_EQ(merged.files, (std::vector<ProfiledFile>{
                                {"/a", {{0, 10}, {20, 10}}}, {"/b", {{0, 15}, {30, 1}}}, {"/c", {{5, 5}}}}));
    EXPECT_EQ(to_text(merge_profiles({merged}).value()), to_text(merged));
    EXPECT_EQ(merge_profiles({}).value().files.size(), 0U);
}

TEST(BootProfile, TheListHasWhatIsInTheTree) {
    Stage work = make_test_directory();
    shell(work.path, R"(
        mkdir -p tree/usr/bin tree/etc; touch outside 'tree/usr/bin/a b' 'tree/#1' tree/etc/one tree/etc/two
        ln -s usr/bin tree/bin; ln -s ../outside tree/etc/out; ln -s / tree/up; mkfifo tree/etc/fifo)");
    BootProfile profile;
    for (const char* path : {"/bin/a b", "/usr/bin/a b", "/etc/missing", "/etc/out", "/up/outside",
                             "/etc/fifo", "/etc", "/#1", "/etc/two"})
        profile.files.push_back({path, {}});
    EXPECT_EQ(sort_list(profile, work.path / "tree").value(),
              "usr/bin/a\\ b 32767\n\\#1 32766\netc/two 32765\n");
    EXPECT_FALSE(sort_list(profile, work.path / "no tree"));
}

TEST(BootProfile, MoreFilesThanPrioritiesShareTheLast) {
    Stage work = make_test_directory();
    shell(work.path, "mkdir tree; cd tree; seq 33000 | xargs touch");
    BootProfile profile;
    for (int i = 1; i <= 33000; ++i)
        profile.files.push_back({text("/", i), {}});
    std::string list = sort_list(profile, work.path / "tree").value();
    EXPECT_THAT(list, testing::EndsWith("33000 1\n"));
}

TEST(BootProfile, AFileIsReadWithItsName) {
    Stage work = make_test_directory();
    ASSERT_TRUE(write_file(work.path / "profile", kText));
    EXPECT_EQ(read_profile(work.path / "profile").value().files.size(), 2U);
    ASSERT_TRUE(write_file(work.path / "profile", "{}"));
    EXPECT_THAT(describe(read_profile(work.path / "profile").error()), HasSubstr("/profile"));
    EXPECT_FALSE(read_profile(work.path / "none"));
}

} // namespace
} // namespace mangrove::head
