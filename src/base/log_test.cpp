#include "base/log.h"

#include <gtest/gtest.h>

namespace mangrove {
namespace {

TEST(Log, ShowsTheLevelOnceAndTheProgramOnEachLine) {
    EXPECT_EQ(shown_line(LogLevel::error, "refused\n  while attaching\n  while mounting"),
              "mangrove: error: refused\nmangrove:   while attaching\nmangrove:   while mounting\n");
    EXPECT_EQ(shown_line(LogLevel::warning, "odd"), "mangrove: warning: odd\n");
    EXPECT_EQ(shown_line(LogLevel::notice, "booting"), "mangrove: booting\n");
}

} // namespace
} // namespace mangrove
