#include "base/result.h"

#include <cerrno>
#include <gtest/gtest.h>

namespace mangrove {
namespace {

Result<> fail(int code) {
    return system_error(code, "writing /etc/fstab");
}

Result<> pass_on(int code) {
    TRY(fail(code), "handing over");
    return {};
}

TEST(Result, NamesTheStepsOnItsWay) {
    EXPECT_EQ(describe(pass_on(ENOSPC).error()),
              "writing /etc/fstab: No space left on device\n  while handing over");
}

TEST(Result, HasWordsForAnErrorThatOnlyTheKernelKnows) {
    constexpr int kNotSupported = 524;
    EXPECT_EQ(pass_on(kNotSupported).error().what, "writing /etc/fstab: Operation not supported (524)");
    EXPECT_FALSE(pass_on(kNotSupported).error().is_transient());
}

} // namespace
} // namespace mangrove
