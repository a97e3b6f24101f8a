#include "machine/set_aside.h"

#include <gtest/gtest.h>

#include "system/fake/system.h"

namespace mangrove {
namespace {

constexpr const char* kPath = "/run/mangrove/report.json";

struct SetAside : testing::Test {
    Transcript transcript;
    FakeSystem system{transcript};
    Undo undo;
};

TEST_F(SetAside, MakesRoomForAnotherFile) {
    system.add_file(kPath, "earlier");
    EXPECT_TRUE(set_aside(system, kPath).value());
    EXPECT_FALSE(system.file(kPath));
    EXPECT_EQ(system.file("/run/mangrove/earlier/run/mangrove/report.json"), "earlier");
    EXPECT_EQ(system.mode("/run/mangrove/earlier"), 0700u);
    EXPECT_FALSE(set_aside(system, kPath).value());
}

TEST_F(SetAside, BringsTheFileBack) {
    system.add_file(kPath, "earlier");
    ASSERT_TRUE(set_aside(system, kPath, undo));
    system.add_file(kPath, "later");
    undo.run();
    EXPECT_EQ(system.file(kPath), "earlier");
}

TEST_F(SetAside, LeavesNoFileWhereThereWasNone) {
    ASSERT_TRUE(set_aside(system, kPath, undo));
    system.add_file(kPath, "later");
    undo.run();
    EXPECT_FALSE(system.file(kPath));
}

} // namespace
} // namespace mangrove
