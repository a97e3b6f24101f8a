#include "base/undo.h"

#include <gtest/gtest.h>

#include "base/log.h"

namespace mangrove {
namespace {

TEST(Undo, RunsInReverseAndGoesOnAfterAFailure) {
    std::vector<std::string> log, ran;
    set_log_sink([&](LogLevel, std::string_view line) { log.emplace_back(line); });
    {
        Undo undo;
        undo.push("first", [&]() -> Result<> {
            ran.push_back("first");
            return {};
        });
        undo.push("second", [&]() -> Result<> {
            ran.push_back("second");
            return permanent_error("busy");
        });
        Undo later;
        later.push("third", [&]() -> Result<> {
            ran.push_back("third");
            return {};
        });
        undo.append(std::move(later));
    }
    EXPECT_EQ(ran, (std::vector<std::string>{"third", "second", "first"}));
    EXPECT_EQ(log, (std::vector<std::string>{"rolling back: second failed, ignoring: busy"}));
}

TEST(Undo, KeepForgetsTheSteps) {
    bool ran = false;
    {
        Undo undo;
        undo.push("first", [&]() -> Result<> {
            ran = true;
            return {};
        });
        undo.keep();
    }
    EXPECT_FALSE(ran);
}

Result<int> fails() {
    return transient_error("connecting to 192.0.2.1: refused");
}
Result<> outer() {
    int value = TRY(fails(), "attaching an iSCSI LUN");
    return permanent_error("unexpected ", value);
}

TEST(Result, TryAddsTheContextAndKeepsThePermanence) {
    Result<> result = outer();
    ASSERT_FALSE(result);
    EXPECT_EQ(describe(result.error()), "connecting to 192.0.2.1: refused\n  while attaching an iSCSI LUN");
    EXPECT_TRUE(result.error().is_transient());
}

} // namespace
} // namespace mangrove
