#include "machine/device_modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

TEST(DeviceModules, EachKindGetsItsModuleOnceAndThoseWithoutArePassedOver) {
    Transcript transcript;
    FakeSystem system(transcript);
    DeviceModules modules(system);
    system.add_file("/sys/bus/pci/devices/0000:00:01.0/modalias", "pci:v00008086d00007000\n");
    system.add_file("/sys/bus/pci/devices/0000:00:02.0/modalias", "pci:v00001AF4d00001000\n");
    system.add_file("/sys/bus/pci/devices/0000:00:03.0/modalias", "pci:v00001AF4d00001000\n");
    system.add_file("/sys/bus/virtio/devices/virtio0/modalias", "virtio:d00000001v00001AF4\n");
    system.add_file("/sys/bus/virtio/devices/virtio1/modalias", "\n");
    system.add_directory("/sys/bus/usb/devices/usb1");
    system.add_directory("/sys/bus/nothing");
    system.add_missing_module("pci:v00008086d00007000");
    ASSERT_TRUE(modules.load());
    EXPECT_THAT(system.loaded_modules(),
                UnorderedElementsAre("pci:v00001AF4d00001000", "virtio:d00000001v00001AF4"));
}

TEST(DeviceModules, ACardInTwoHalvesGetsBoth) {
    Transcript transcript;
    FakeSystem system(transcript);
    DeviceModules modules(system);
    system.add_file("/sys/bus/pci/devices/0000:00:01.0/modalias", "pci:v000015B3d00001003\n");
    system.add_directory("/sys/module/mlx4_core");
    ASSERT_TRUE(modules.load());
    EXPECT_THAT(system.loaded_modules(),
                UnorderedElementsAre("pci:v000015B3d00001003", "mlx4_en", "mlx4_ib"));
}

TEST(DeviceModules, APortOfInfinibandGetsItsInterface) {
    Transcript transcript;
    FakeSystem system(transcript);
    DeviceModules modules(system);
    system.add_directory("/sys/bus/pci/devices");
    system.add_directory("/sys/module/mlx5_core");
    system.add_directory("/sys/class/infiniband");
    ASSERT_TRUE(modules.load());
    EXPECT_THAT(system.loaded_modules(), UnorderedElementsAre("mlx5_ib"));
    system.add_file("/sys/class/infiniband/mlx5_0/node_type", "1: CA\n");
    ASSERT_TRUE(modules.load());
    EXPECT_THAT(system.loaded_modules(), UnorderedElementsAre("mlx5_ib", "ib_ipoib"));
}

TEST(DeviceModules, WhatAppearsLateGetsItsModuleAndTheOthersAreLeftAlone) {
    Transcript transcript;
    FakeSystem system(transcript);
    DeviceModules modules(system);
    system.add_file("/sys/bus/pci/devices/0000:00:01.0/modalias", "pci:v00001B36d0000000D\n");
    ASSERT_TRUE(modules.load());
    EXPECT_TRUE(modules.wait_for_late_devices(system.now() + seconds(1)));
    system.after(seconds(1), [&] {
        system.add_file("/sys/bus/usb/devices/1-1:1.0/modalias", "usb:v0525pA4A2d0000dc02\n");
    });
    EXPECT_TRUE(modules.wait_for_late_devices(system.now() + seconds(2)));
    EXPECT_THAT(system.loaded_modules(), ElementsAre("pci:v00001B36d0000000D", "usb:v0525pA4A2d0000dc02"));
}

TEST(DeviceModules, TheCommandLineNamesModulesForBeforeAndAfter) {
    Transcript transcript;
    FakeSystem system(transcript);
    DeviceModules modules(system);
    system.add_file("/proc/cmdline", "rd.driver.pre=dummy,nbd rd.driver.post=mlx5-ib,missing\n");
    system.add_file("/sys/bus/pci/devices/0000:00:01.0/modalias", "pci:v00001B36d0000000D\n");
    system.add_missing_module("missing");
    ASSERT_TRUE(modules.load());
    ASSERT_TRUE(modules.load());
    EXPECT_THAT(system.loaded_modules(), ElementsAre("dummy", "nbd", "pci:v00001B36d0000000D", "mlx5_ib"));
}

TEST(DeviceModules, WhereUdevLoadsThemNoneIsLoaded) {
    Transcript transcript;
    FakeSystem system(transcript);
    DeviceModules modules(system);
    system.after(seconds(1), [&] {
        system.add_file("/sys/bus/usb/devices/1-1:1.0/modalias", "usb:v0525pA4A2d0000dc02\n");
    });
    EXPECT_TRUE(modules.wait_for_late_devices(system.now() + seconds(2)));
    EXPECT_THAT(system.loaded_modules(), testing::IsEmpty());
}

} // namespace
} // namespace mangrove
