#include "machine/module_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mangrove {
namespace {

using testing::ElementsAre;

TEST(ModuleArguments, AreThoseOfModprobeTheKernelAndDracut) {
    ModuleArguments arguments = module_arguments(KernelCommandLine::parse(
        "modprobe.blacklist=nouveau,snd-hda-intel module_blacklist=ast rd.driver.blacklist=i40e "
        "rdblacklist=ixgbe "
        "modprobe.blacklist= rd.driver.pre=vfio-pci,dummy rdloaddriver=nbd rd.driver.post=mlx5_ib "
        "loop.max_loop=5"));
    EXPECT_THAT(arguments.blacklist, ElementsAre("ast", "i40e", "ixgbe", "nouveau", "snd_hda_intel"));
    EXPECT_THAT(arguments.first, ElementsAre("vfio_pci", "dummy", "nbd"));
    EXPECT_THAT(arguments.last, ElementsAre("mlx5_ib"));
}

} // namespace
} // namespace mangrove
