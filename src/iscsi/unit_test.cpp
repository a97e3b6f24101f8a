#include "iscsi/unit.h"

#include <gtest/gtest.h>

#include "iscsi/session.h"
#include "system/fake/system.h"

namespace mangrove::iscsi {
namespace {

std::string from_bytes(std::initializer_list<unsigned> bytes) {
    std::string characters;
    for (unsigned byte : bytes)
        characters += static_cast<char>(byte);
    return characters;
}

TEST(Unit, IsKnownByItsOwnDesignatorsAlone) {
    // A NAA of the unit, a relative port, the vendor's name of the unit.
    std::string page =
        from_bytes({0, 0x83, 0, 20, 1, 3, 0, 2, 0x60, 0x01, 1, 0x14, 0, 4, 0, 0, 0, 1, 2, 1, 0, 2, 'I', 'E'});
    EXPECT_EQ(unit_identity(page), "6001 4945");
    EXPECT_EQ(unit_identity(page + "padding"), "6001 4945");
    EXPECT_EQ(unit_identity(page.substr(0, page.size() - 1)), "6001") << "cut off";
    EXPECT_EQ(unit_identity(page.substr(0, 9)), "") << "cut off";
    EXPECT_EQ(unit_identity(from_bytes({0, 0x80, 0, 5, 1, 3, 0, 1, 1})), "") << "another page";
    for (size_t size = 0; size < page.size(); ++size)
        unit_identity(page.substr(0, size));
    EXPECT_EQ(unit_identity(std::string(7, '\xff')), "");
}

TEST(Unit, OfTgtIsNotKnownByItsNumber) {
    std::string number = "IET     00010001";
    std::string page = from_bytes({0, 0x83, 0, 28, 1, 3, 0, 4, 0x30, 0, 0, 1, 2, 1, 0, 16}) + number;
    EXPECT_EQ(unit_identity(page), "");
    page.replace(page.find(number), number.size(), "IET     node7-up");
    EXPECT_NE(unit_identity(page), "");
}

TEST(Unit, IsFoundInTheSessionsDirectory) {
    Transcript transcript;
    FakeSystem system(transcript);
    Session session;
    session.number.id = 5;
    EXPECT_FALSE(find_unit(system, session));
    std::string target = session.directory() + "/target2:0:0";
    std::string disk = target + "/2:0:0:16385";
    system.add_directory(target + "/power");
    system.add_file(disk + "/block/sda/ro", "0\n");
    EXPECT_FALSE(find_unit(system, session));
    system.add_file(disk + "/vpd_pg83", from_bytes({0, 0x83, 0, 5, 1, 3, 0, 1, 0xaa}));
    std::optional<Unit> unit = find_unit(system, session);
    ASSERT_TRUE(unit);
    EXPECT_EQ(unit->kernel_lun, 16385U);
    EXPECT_EQ(unit->identity, "aa");
    EXPECT_EQ(unit->beginning, "");
    system.add_file(disk + "/block/sda/ro", "1\n");
    system.add_file(disk + "/block/sda/queue/logical_block_size", "4096\n");
    system.add_file("/proc/1/root/dev/sda", "page");
    EXPECT_EQ(find_unit(system, session)->beginning, "page");
    EXPECT_EQ(find_unit(system, session)->block_size, 4096U);
}

} // namespace
} // namespace mangrove::iscsi
