#include "machine/machine_identity.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/log.h"
#include "machine/kernel_command_line.h"

namespace mangrove {

namespace {

constexpr size_t kUuidSize = 16;
using UuidBytes = std::array<uint8_t, kUuidSize>;

/// Placeholders that vendors of software list, and that follow no pattern.
constexpr std::string_view kPlaceholders[] = {
    "03000200-0400-0500-0006-000700080009", // AMI
    "4c4c4544-0000-2010-8020-80c04f202020", // Dell, service tag of blanks
    "07090201-0103-0301-0807-060504030201", "11111111-2222-3333-4444-555555555555",
    "12345678-1234-1234-1234-123456789012", "12345678-1234-1234-1234-123456789abc",
    "12345678-1234-5678-90ab-cddeefaabbcc", "12345678-1234-5678-1234-567812345678",
    "01234567-8910-1112-1314-151617181920", "890e2d14-cacd-45d1-ae66-bc80e8bfeb0f",
    "8e275844-178f-44a8-aceb-a7d7e5178c63", "dc698397-fa54-4cf2-82c8-b1b5307a6a7f",
};

std::optional<UuidBytes> parse_uuid(std::string_view uuid) {
    constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (uuid.size() != kForm.size()) return std::nullopt;
    UuidBytes bytes = {};
    size_t digit = 0;
    for (size_t i = 0; i < kForm.size(); ++i) {
        if (kForm[i] == '-') {
            if (uuid[i] != '-') return std::nullopt;
            continue;
        }
        std::optional<uint64_t> value = parse_number(uuid.substr(i, 1), 16);
        if (!value) return std::nullopt;
        bytes[digit / 2] = static_cast<uint8_t>(uint64_t{bytes[digit / 2]} << 4 | *value);
        ++digit;
    }
    return bytes;
}

/// SMBIOS before 2.6 left open in which order the bytes of the first three fields are.
UuidBytes in_other_byte_order(UuidBytes bytes) {
    std::reverse(bytes.begin(), bytes.begin() + 4);
    std::reverse(bytes.begin() + 4, bytes.begin() + 6);
    std::reverse(bytes.begin() + 6, bytes.begin() + 8);
    return bytes;
}

/// All alike, or counting up or down.
template <typename Values>
bool has_constant_step(const Values& values, unsigned modulus) {
    auto step = [&](size_t i) { return (values[i] + modulus - values[i - 1]) % modulus; };
    for (size_t i = 2; i < values.size(); ++i)
        if (step(i) != step(1)) return false;
    return true;
}

bool follows_a_pattern(const UuidBytes& bytes) {
    if (std::set<uint8_t>(bytes.begin(), bytes.end()).size() <= 2) return true;
    bool has_empty_tail = std::all_of(bytes.begin() + 5, bytes.end(), [&](uint8_t byte) {
        return byte == bytes[4] && (byte == 0 || byte == 0xff);
    });
    std::array<uint8_t, 2 * kUuidSize> digits = {};
    for (size_t i = 0; i < kUuidSize; ++i) {
        digits[2 * i] = bytes[i] >> 4;
        digits[2 * i + 1] = bytes[i] & 0x0f;
    }
    return has_empty_tail || has_constant_step(bytes, 256) || has_constant_step(digits, 16);
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

/// `mangrove.identity=`
bool prefers_hardware_address(System& system) {
    Result<std::string> line = read_arguments(system);
    if (!line) return false;
    std::string wanted = KernelCommandLine::parse(*line).value("mangrove.identity").value_or("uuid");
    if (wanted != "uuid" && wanted != "mac")
        log_warning("mangrove.identity: unknown identity '", wanted, "', ignoring",
                    did_you_mean(wanted, {"uuid", "mac"}));
    return wanted == "mac";
}

} // namespace

bool is_unique_uuid(std::string_view uuid) {
    std::optional<UuidBytes> bytes = parse_uuid(uuid);
    if (!bytes) return false;
    for (const UuidBytes& order : {*bytes, in_other_byte_order(*bytes)}) {
        if (follows_a_pattern(order)) return false;
        for (std::string_view placeholder : kPlaceholders)
            if (order == parse_uuid(placeholder)) return false;
    }
    return true;
}

std::string machine_uuid(System& system) {
    Result<std::string> uuid = system.read_file("/sys/class/dmi/id/product_uuid");
    if (!uuid) return {};
    std::string lowered = lower_case(trim(*uuid));
    return is_unique_uuid(lowered) ? lowered : std::string();
}

Result<MachineIdentity> machine_identity(System& system) {
    std::string uuid = prefers_hardware_address(system) ? "" : machine_uuid(system);
    if (!uuid.empty()) return MachineIdentity{uuid, "UUID"};
    return MachineIdentity{TRY(first_hardware_address(system)), "network card"};
}

std::string MachineIdentity::to_uuid() const {
    return text.empty() || origin == "UUID" ? text : "00000000-0000-8000-8000-" + text;
}

} // namespace mangrove
