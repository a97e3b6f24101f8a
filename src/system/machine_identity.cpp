#include "system/machine_identity.h"

#include <algorithm>

namespace mangrove {

namespace {

/// Mainboards whose maker set no UUID have one digit all over, or this one.
bool is_unique(std::string_view uuid) {
    constexpr std::string_view kUnset = "03000200-0400-0500-0006-000700080009";
    constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (uuid.size() != kForm.size() || uuid == kUnset) return false;
    for (size_t i = 0; i < kForm.size(); ++i)
        if (kForm[i] == '-' ? uuid[i] != '-' : !parse_number(uuid.substr(i, 1), 16)) return false;
    auto differs = [&](char digit) { return digit != '-' && digit != uuid.front(); };
    return std::any_of(uuid.begin(), uuid.end(), differs);
}

/// Empty if there is none.
std::string machine_uuid(System& system) {
    Result<std::string> uuid = system.read_file("/sys/class/dmi/id/product_uuid");
    if (!uuid) return {};
    std::string lowered = lower_case(trim(*uuid));
    return is_unique(lowered) ? lowered : std::string();
}

/// Empty if there is none.
Result<std::string> first_hardware_address(System& system) {
    for (const std::string& interface : TRY(system.list_directory("/sys/class/net"))) {
        std::string directory = "/sys/class/net/" + interface;
        if (system.path_kind(directory + "/device") == PathKind::missing) continue;
        std::string address = lower_case(trim(TRY(system.read_file(directory + "/address"))));
        std::erase(address, ':');
        // Of InfiniBand's 20 bytes the first change from boot to boot; the last are the port's own.
        constexpr size_t kDigits = 12;
        if (address.size() > kDigits) address.erase(0, address.size() - kDigits);
        if (address.find_first_not_of('0') != std::string::npos) return address;
    }
    return std::string();
}

} // namespace

Result<MachineIdentity> machine_identity(System& system) {
    if (std::string uuid = machine_uuid(system); !uuid.empty()) return MachineIdentity{uuid, "UUID"};
    return MachineIdentity{TRY(first_hardware_address(system)), "network card"};
}

} // namespace mangrove
