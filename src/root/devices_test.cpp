#include "root/devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "system/fake_system.h"

namespace mangrove {
namespace {

using testing::UnorderedElementsAre;

TEST(Devices, EachKindGetsItsModuleOnceAndThoseWithoutArePassedOver) {
    Transcript transcript;
    FakeSystem system(transcript);
    system.add_file("/sys/bus/pci/devices/0000:00:01.0/modalias", "pci:v00008086d00007000\n");
    system.add_file("/sys/bus/pci/devices/0000:00:02.0/modalias", "pci:v00001AF4d00001000\n");
    system.add_file("/sys/bus/pci/devices/0000:00:03.0/modalias", "pci:v00001AF4d00001000\n");
    system.add_file("/sys/bus/virtio/devices/virtio0/modalias", "virtio:d00000001v00001AF4\n");
    system.add_file("/sys/bus/virtio/devices/virtio1/modalias", "\n");
    system.add_directory("/sys/bus/usb/devices/usb1");
    system.add_directory("/sys/bus/nothing");
    system.add_missing_module("pci:v00008086d00007000");
    ASSERT_TRUE(load_device_modules(system));
    EXPECT_THAT(system.loaded_modules(),
                UnorderedElementsAre("pci:v00001AF4d00001000", "virtio:d00000001v00001AF4"));
}

TEST(Devices, ACardInTwoHalvesGetsBoth) {
    Transcript transcript;
    FakeSystem system(transcript);
    system.add_file("/sys/bus/pci/devices/0000:00:01.0/modalias", "pci:v000015B3d00001003\n");
    system.add_directory("/sys/module/mlx4_core");
    ASSERT_TRUE(load_device_modules(system));
    EXPECT_THAT(system.loaded_modules(), UnorderedElementsAre("pci:v000015B3d00001003", "mlx4_en"));
}

} // namespace
} // namespace mangrove
