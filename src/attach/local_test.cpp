#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attach/attach.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

/// A machine whose disk is on USB, with a module of its own.
struct Local : testing::Test {
    Local() {
        system.add_file("/sys/bus/pci/devices/0000:00:01.0/modalias", "pci:hub\n");
        system.when_loaded = [this](const std::string& module) {
            if (module == "usb:disk") system.add_disk("/dev/sda", {"ext4", "root", ""});
        };
    }

    void plug_in() { system.add_file("/sys/bus/usb/devices/1-1:1.0/modalias", "usb:disk\n"); }
    std::string attach_label(const std::string& label) {
        definition::Local wanted;
        wanted.label = label;
        return attach(wanted);
    }
    std::string attach_path(const std::string& path) {
        definition::Local wanted;
        wanted.path = path;
        return attach(wanted);
    }
    std::string attach(const definition::Local& wanted) {
        begun = system.now();
        Result<std::string> device = mangrove::attach(boot, wanted, undo);
        return device ? *device : device.error().what;
    }

    Transcript transcript;
    FakeSystem system{transcript};
    Boot boot{system};
    Undo undo;
    Time begun;
};

TEST_F(Local, ADiskThatAppearsLateGetsItsModule) {
    ASSERT_TRUE(boot.device_modules.load());
    system.after(seconds(2), [this] { plug_in(); });
    EXPECT_EQ(attach_label("root"), "/dev/sda");
    EXPECT_EQ(system.now() - begun, seconds(2));
}

TEST_F(Local, TheDisksThatItIsOnAreAttachedFirst) {
    system.add_image("/disk.img", {"ext4", "installed", ""});
    definition::Local wanted;
    wanted.label = "installed";
    wanted.on.resize(1);
    wanted.on[0].kind.emplace<definition::Loopback>().path = "/disk.img";
    EXPECT_EQ(attach(wanted), "/dev/loop0");
    undo.run();
    EXPECT_TRUE(system.loop_devices().empty());
}

TEST_F(Local, ADiskOfWhichAnotherWaitHasHeardGetsItsModule) {
    ASSERT_TRUE(boot.device_modules.load());
    plug_in();
    EXPECT_EQ(attach_path("/dev/sda"), "/dev/sda");
}

TEST_F(Local, ALinkThatUdevMakesAfterTheLastEventIsFound) {
    system.after(seconds(1), [this] { plug_in(); });
    system.after(seconds(30), [this] { system.add_disk("/dev/disk/by-id/a", {"ext4", "", ""}); });
    EXPECT_EQ(attach_path("/dev/disk/by-id/a"), "/dev/disk/by-id/a");
}

} // namespace
} // namespace mangrove
