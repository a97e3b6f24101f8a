#include "machine/machine_identity.h"

#include <gtest/gtest.h>

#include "system/fake/system.h"

namespace mangrove {
namespace {

TEST(MachineIdentity, APlaceholderForAUuidIsNotUnique) {
    for (const char* uuid : {
             "",
             "not settable",
             "00000000-0000-0000-0000-000000000000",
             "ffffffff-ffff-ffff-ffff-ffffffffffff",
             "fefefefe-fefe-fefe-fefe-fefefefefefe",
             "58585858-5858-5858-5858-585858585858",
             "a55aa55a-5aa5-a55a-a55a-a55aa55aa55a",
             "03000200-0400-0500-0006-000700080009",
             "00020003-0004-0005-0006-000700080009",
             "00010203-0405-0607-0809-0a0b0c0d0e0f",
             "03020100-0504-0706-0809-0a0b0c0d0e0f",
             "01020304-0506-0708-090a-0b0c0d0e0f10",
             "0f0e0d0c-0b0a-0908-0706-050403020100",
             "00112233-4455-6677-8899-aabbccddeeff",
             "33221100-5544-7766-8899-aabbccddeeff",
             "01234567-89ab-cdef-0123-456789abcdef",
             "4c4c4544-0000-2010-8020-80c04f202020",
             "44454c4c-0000-1020-8020-80c04f202020",
             "12345678-1234-5678-90ab-cddeefaabbcc",
             "78563412-3412-7856-90ab-cddeefaabbcc",
             "56f49712-ffff-ffff-ffff-ffffffffffff",
             "00000000-0000-0000-0000-000000000001",
         })
        EXPECT_FALSE(is_unique_uuid(uuid)) << uuid;
}

TEST(MachineIdentity, AUuidWithAMeaningIsUnique) {
    for (const char* uuid : {
             "f2c626b7-2c0f-41b4-88b8-2edf5cd49a54",
             "4c4c4544-0044-3510-8052-b4c04f4b3032", // Dell: a service tag
             "00000000-0000-0000-0000-ac1f6b123456", // Supermicro: the address of a card
             "00000000-0000-1000-8000-525400123456",
             "11223344-5566-7788-99aa-bbccddeeff00",
         })
        EXPECT_TRUE(is_unique_uuid(uuid)) << uuid;
}

struct Machine {
    Machine() {
        system.add_file("/sys/class/dmi/id/product_uuid", "F2C626B7-2C0F-41B4-88B8-2EDF5CD49A54\n");
        system.add_directory("/sys/class/net/eth0/device");
        system.add_file("/sys/class/net/eth0/address", "52:54:00:12:34:56\n");
    }
    MachineIdentity identity() { return machine_identity(system).value(); }

    Transcript transcript;
    FakeSystem system{transcript};
};

TEST(MachineIdentity, IsTheUuidUnlessTheCommandLineNamesTheCard) {
    Machine machine;
    EXPECT_EQ(machine.identity().text, "f2c626b7-2c0f-41b4-88b8-2edf5cd49a54");
    EXPECT_EQ(machine.identity().to_uuid(), "f2c626b7-2c0f-41b4-88b8-2edf5cd49a54");
    machine.system.add_file("/proc/cmdline", "quiet mangrove.identity=mac\n");
    EXPECT_EQ(machine.identity().text, "525400123456");
    EXPECT_EQ(machine.identity().origin, "network card");
    EXPECT_EQ(machine.identity().to_uuid(), "00000000-0000-8000-8000-525400123456");
    EXPECT_EQ(machine_uuid(machine.system), "f2c626b7-2c0f-41b4-88b8-2edf5cd49a54");
    machine.system.add_file("/proc/cmdline", "mangrove.identity=uid\n");
    EXPECT_EQ(machine.identity().origin, "UUID");
}

TEST(MachineIdentity, IsTheCardWhereTheUuidIsAPlaceholder) {
    Machine machine;
    machine.system.add_file("/sys/class/dmi/id/product_uuid", "00020003-0004-0005-0006-000700080009\n");
    EXPECT_EQ(machine.identity().text, "525400123456");
    machine.system.add_file("/sys/class/net/eth0/address", "00:00:00:00:00:00\n");
    EXPECT_EQ(machine.identity().text, "");
    EXPECT_EQ(machine.identity().to_uuid(), "");
}

} // namespace
} // namespace mangrove
