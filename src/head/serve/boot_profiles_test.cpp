#include "head/serve/boot_profiles.h"

#include <gtest/gtest.h>

#include "head/host/files.h"
#include "head/host/testing/full_tree.h"

namespace mangrove::head {
namespace {

constexpr const char* kText = R"({"version":1,"name":"root","files":[{"path":"/a","ranges":[[0,4096]]}]})";

struct BootProfilesTest : testing::Test {
    Stage stage = make_test_directory();
    BootProfiles profiles{stage.path / "profiles"};
};

TEST_F(BootProfilesTest, TheLastOneOfANodeIsKept) {
    EXPECT_TRUE(profiles.list().empty());
    ASSERT_TRUE(profiles.keep("n2", kText));
    ASSERT_TRUE(profiles.keep("n1", kText));
    ASSERT_TRUE(profiles.keep("n2", R"({"version":1,"files":[]})"));
    std::vector<PostedProfile> all = profiles.list();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].node, "n1");
    EXPECT_EQ(all[0].bytes, 4096U);
    EXPECT_EQ(all[1].files, 0U);
    EXPECT_EQ(number_at(description_of(all[0]).get(), "files"), 1U);
}

TEST_F(BootProfilesTest, WhatIsNoneIsNotKept) {
    EXPECT_FALSE(profiles.keep("n1", "{}"));
    EXPECT_FALSE(profiles.of_node("n1"));
    ASSERT_TRUE(write_file(stage.path / "n1.json", kText));
    EXPECT_FALSE(profiles.of_node("../n1"));
}

TEST_F(BootProfilesTest, GoesWithItsNode) {
    ASSERT_TRUE(profiles.keep("n1", kText));
    ASSERT_TRUE(profiles.keep("n1.json", kText));
    profiles.keep_nodes([](const std::string& node) { return node == "n1.json"; });
    EXPECT_FALSE(profiles.of_node("n1"));
    EXPECT_TRUE(profiles.of_node("n1.json"));
}

TEST_F(BootProfilesTest, ARequestGoesWithWhatItAskedForAndWithItsNode) {
    ASSERT_TRUE(profiles.request("n1"));
    ASSERT_TRUE(profiles.request("n2"));
    EXPECT_TRUE(profiles.is_requested("n1"));
    EXPECT_FALSE(profiles.keep("n1", "{}"));
    EXPECT_TRUE(profiles.is_requested("n1"));
    ASSERT_TRUE(profiles.keep("n1", kText));
    EXPECT_FALSE(profiles.is_requested("n1"));
    EXPECT_EQ(profiles.list().size(), 1U);
    profiles.keep_nodes([](const std::string& node) { return node == "n1"; });
    EXPECT_FALSE(profiles.is_requested("n2"));
}

TEST_F(BootProfilesTest, TheOldestGoesWhenThereAreTooMany) {
    for (size_t i = 0; i <= BootProfiles::kMostNodes; ++i)
        ASSERT_TRUE(profiles.keep(text("n", 1000 + i), kText));
    EXPECT_EQ(profiles.list().size(), BootProfiles::kMostNodes);
}

} // namespace
} // namespace mangrove::head
