#include "source/smbios_strings.h"
#include "source/source.h"

// The source `smbios`: an OEM string of the firmware (SMBIOS, type 11) that begins with
// `mangrove.definition:`; behind it stands the definition or a source. QEMU has `-smbios type=11,value=…` (or
// `path=…`) for it, clouds have their own ways.

namespace mangrove {

Result<Found> find_in_smbios(Search& search, const std::string&) {
    constexpr const char* kTable = "/sys/firmware/dmi/tables/DMI";
    constexpr std::string_view kPrefix = "mangrove.definition:";
    std::string table = TRY(search.boot.system.read_file(kTable));
    std::vector<std::string> strings = TRY(oem_strings(as_bytes(table)), "reading ", kTable);
    for (const std::string& each : strings)
        if (each.starts_with(kPrefix))
            return follow(search, {each.substr(kPrefix.size()), "the SMBIOS string mangrove.definition:"});
    return permanent_error("none of the ", strings.size(),
                           " OEM strings in this machine's SMBIOS begins with ", kPrefix);
}

} // namespace mangrove
