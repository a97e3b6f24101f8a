#include "boot/timeline.h"

#include <gtest/gtest.h>

#include "boot/boot.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

TEST(Timeline, CountsBytesForTheStepThatIsUnderWay) {
    Transcript transcript;
    FakeSystem system(transcript);
    Boot boot(system);
    note_bytes(boot.timeline, 1); // in no step
    ASSERT_TRUE(timed(boot, "outer", [&] {
        static_cast<void>(timed(boot, "inner", [] { return Result<>(); }));
        note_bytes(boot.timeline, 4);
        return Result<>();
    }));
    EXPECT_EQ(boot.timeline.steps[0].bytes, 4U);
    EXPECT_EQ(boot.timeline.steps[1].bytes, 0U);
}

} // namespace
} // namespace mangrove
