#include "source/smbios_strings.h"
#include "source/testing/search.h"

#include <gtest/gtest.h>

namespace mangrove {
namespace {

/// A structure with these bytes behind its header, and its strings.
std::string structure(char type, const std::string& body, const std::vector<std::string>& strings) {
    std::string whole = {type, static_cast<char>(4 + body.size()), 0, 1};
    whole += body;
    for (const std::string& each : strings)
        whole += each + '\0';
    if (strings.empty()) whole += '\0';
    return whole + '\0';
}

std::string table_with(const std::vector<std::string>& oem) {
    return structure(0, std::string(14, '\1'), {"SeaBIOS", "1.16"})
           + structure(11, std::string(1, static_cast<char>(oem.size())), oem)
           + structure(32, std::string(7, '\0'), {}) + structure(127, "", {}) + "behind the end";
}

TEST(OemStrings, AreFoundBetweenTheOtherStructures) {
    EXPECT_EQ(oem_strings(as_bytes(table_with({"a", "b c"}))), (std::vector<std::string>{"a", "b c"}));
    EXPECT_EQ(oem_strings(as_bytes(table_with({}))), (std::vector<std::string>{}));
    EXPECT_EQ(oem_strings({}), (std::vector<std::string>{}));
    std::string twice = structure(11, "\1", {"a"}) + structure(11, "\1", {"b"});
    EXPECT_EQ(oem_strings(as_bytes(twice)), (std::vector<std::string>{"a", "b"}));
}

TEST(OemStrings, OfADamagedTableAreRefused) {
    std::string whole = structure(11, "\1", {"a"});
    for (size_t size = 4; size < whole.size(); ++size)
        EXPECT_FALSE(oem_strings(as_bytes(whole).first(size))) << size;
    whole[1] = 3;
    EXPECT_EQ(oem_strings(as_bytes(whole)).error().what,
              "the SMBIOS table is damaged: a structure of type 11 with 3 bytes, of which 8 are present");
    EXPECT_EQ(oem_strings(as_bytes(structure(11, "\1", {}).substr(0, 6))).error().what,
              "the SMBIOS table is truncated in the strings of a structure of type 11");
}

struct FirmwareTest : SearchTest {};

TEST_F(FirmwareTest, AnOemStringHoldsTheDefinition) {
    system.add_file("/sys/firmware/dmi/tables/DMI",
                    table_with({"x", "mangrove.definition:{\"name\":\"a\"}"}));
    Result<Found> found = find_definition(search, "smbios");
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_EQ(found->text, "{\"name\":\"a\"}");
    EXPECT_EQ(found->origin, "the SMBIOS string mangrove.definition:");
    EXPECT_EQ(found->readers, "") << "only root can read the table";
}

TEST_F(FirmwareTest, AMachineWithoutSuchAStringIsRefused) {
    EXPECT_EQ(find_definition(search, "smbios").error().what,
              "reading /sys/firmware/dmi/tables/DMI: No such file or directory");
    system.add_file("/sys/firmware/dmi/tables/DMI", table_with({"x", "y"}));
    EXPECT_EQ(find_definition(search, "smbios").error().what,
              "none of the 2 OEM strings in this machine's SMBIOS begins with mangrove.definition:");
}

TEST_F(FirmwareTest, FwCfgHoldsTheDefinitionOrNamesASource) {
    const std::string item = "/sys/firmware/qemu_fw_cfg/by_name/opt/mangrove/definition/raw";
    EXPECT_EQ(find_definition(search, "fw_cfg").error().what,
              "QEMU was given no -fw_cfg name=opt/mangrove/definition,file=…");
    EXPECT_EQ(system.loaded_modules(), (std::vector<std::string>{"qemu_fw_cfg"}));
    system.add_file(item, "{}\n");
    EXPECT_EQ(find_definition(search, "fw_cfg")->text, "{}\n");
    system.add_file(item, "file:/definition.json\n");
    system.add_file("/definition.json", "{\"name\":\"b\"}");
    Result<Found> found = find_definition(search, "fw_cfg");
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_EQ(found->text, "{\"name\":\"b\"}");
    EXPECT_EQ(found->origin, "/definition.json");
}

} // namespace
} // namespace mangrove
