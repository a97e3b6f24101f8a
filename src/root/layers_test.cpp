#include "root/layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mangrove {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Layers, AreTheMountsOfTheRootAlone) {
    EXPECT_THAT(layers_in("", "/"), IsEmpty());
    EXPECT_THAT(layers_in("21 1 0:21 / / rw\n22\n- - - -\n", "/"), IsEmpty());
    std::vector<Layer> layers =
        layers_in("30 1 0:30 / /run/mangrove/layers/layer0 rw - nfs4 [fd00::1]:/a\\040b ro\n"
                  "31 1 0:31 / /run/mangroves rw - tmpfs tmpfs rw\n"
                  "32 1 8:1 / / ro - ext4 /dev/sda1 ro\n",
                  "/");
    ASSERT_EQ(layers.size(), 2u);
    EXPECT_EQ(layers[0].mount_point, "/");
    EXPECT_EQ(layers[1].source, "[fd00::1]:/a b");
    EXPECT_FALSE(layers[1].is_read_only);
}

TEST(Layers, AreReadFromServersAndDisks) {
    std::string mountinfo = "30 1 0:30 / /run/mangrove/layers/mount0 ro - nfs4 192.0.2.1:/images ro\n"
                            "31 1 7:0 / /run/mangrove/layers/layer0 ro - squashfs /dev/loop0 ro\n"
                            "32 1 8:1 / /run/mangrove/layers/upper0 rw - ext4 /dev/sda1 rw\n"
                            "33 1 0:31 / /sysroot rw - overlay overlay rw\n";
    EXPECT_THAT(storage_of(layers_in(mountinfo, "/sysroot"), "/sysroot", {}),
                ElementsAre(Storage{"192.0.2.1:/images", "/run/mangrove/layers/mount0"},
                            Storage{"/dev/loop0", "/dev/loop0", true, "squashfs"},
                            Storage{"/dev/sda1", "/dev/sda1", false, "ext4"}));
    // One in memory is not away, ever.
    EXPECT_THAT(
        storage_of(layers_in("31 1 7:0 / /run/mangrove/layers/layer0 ro - squashfs /dev/loop0 ro\n", "/"),
                   "/", {}),
        IsEmpty());
    // A root without an overlay is at / when it is asked.
    EXPECT_THAT(storage_of(layers_in("33 1 0:31 / /sysroot rw - nfs 192.0.2.1:/root rw\n", "/sysroot"),
                           "/sysroot", {}),
                ElementsAre(Storage{"192.0.2.1:/root", "/"}));
    EXPECT_THAT(
        storage_of(layers_in("33 1 0:31 / /sysroot rw - tmpfs mangrove rw\n", "/sysroot"), "/sysroot", {}),
        IsEmpty());
}

} // namespace
} // namespace mangrove
