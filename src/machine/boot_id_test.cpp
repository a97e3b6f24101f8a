#include "machine/boot_id.h"

#include <gtest/gtest.h>

#include "machine/run_files.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

TEST(BootId, IsTheKernelsUntilSystemdStartsAgainWithoutOne) {
    Transcript transcript;
    FakeSystem system(transcript);
    EXPECT_FALSE(boot_id(system));
    system.add_file("/proc/sys/kernel/random/boot_id", "of-the-kernel\n");
    EXPECT_EQ(boot_id(system).value(), "of-the-kernel");
    system.add_file(kSoftBootId, "soft\n");
    EXPECT_EQ(boot_id(system).value(), "soft");
}

TEST(BootId, IsARandomUuidOfVersionFour) {
    Transcript transcript;
    FakeSystem system(transcript);
    EXPECT_EQ(new_boot_id(system).value(), "0b30557a-9fc4-490e-b358-7da2c7ec1136");
}

} // namespace
} // namespace mangrove
