#include "attach/nvme_discovery.h"

#include <algorithm>
#include <linux/nvme_ioctl.h>

#include "base/undo.h"

namespace mangrove {

namespace {

constexpr std::string_view kDiscovery = "nqn.2014-08.org.nvmexpress.discovery";
/// Of the header, which has the number of entries, and of each entry.
constexpr size_t kEntrySize = 1024;
constexpr size_t kMostEntries = 256;

uint64_t number_of_entries(std::string_view log_page) {
    constexpr size_t kOffset = 8;
    uint64_t number = 0;
    for (size_t i = 8; i > 0 && log_page.size() >= kEntrySize; --i)
        number = number << 8 | static_cast<uint8_t>(log_page[kOffset + i - 1]);
    return number;
}

/// Up to the first NUL or blank.
std::string text_field(std::string_view entry, size_t offset, size_t size) {
    std::string_view field = entry.substr(offset, size);
    return std::string(field.substr(0, field.find_first_of(std::string_view(" \0", 2))));
}

Result<std::string> read_log_page(System& system, const std::string& device, uint64_t offset) {
    constexpr uint8_t kGetLogPage = 0x02, kDiscoveryLog = 0x70;
    nvme_admin_cmd command = {};
    command.opcode = kGetLogPage;
    command.data_len = kEntrySize;
    command.cdw10 = kDiscoveryLog | (kEntrySize / 4 - 1) << 16;
    command.cdw12 = static_cast<uint32_t>(offset);
    command.cdw13 = static_cast<uint32_t>(offset >> 32);
    command.timeout_ms = 10'000;
    return system.exchange(device, {reinterpret_cast<const char*>(&command), sizeof command});
}

} // namespace

std::vector<NvmeSubsystem> subsystems_in(std::string_view log_page) {
    constexpr size_t kTransport = 0, kKind = 2, kPort = 32, kPortSize = 32, kName = 256, kNameSize = 256,
                     kAddress = 512, kAddressSize = 256;
    constexpr char kTcp = 3, kNvmeSubsystem = 2;
    std::vector<NvmeSubsystem> found;
    for (size_t at = kEntrySize; at + kEntrySize <= log_page.size(); at += kEntrySize) {
        std::string_view entry = log_page.substr(at, kEntrySize);
        std::optional<uint64_t> port = parse_number(text_field(entry, kPort, kPortSize));
        NvmeSubsystem subsystem = {text_field(entry, kName, kNameSize),
                                   text_field(entry, kAddress, kAddressSize)};
        bool makes_sense = entry[kTransport] == kTcp && entry[kKind] == kNvmeSubsystem && port && *port >= 1
                           && *port <= 65535 && !subsystem.name.empty();
        if (!makes_sense) continue;
        subsystem.port = static_cast<uint16_t>(*port);
        found.push_back(std::move(subsystem));
    }
    return found;
}

Result<std::vector<NvmeSubsystem>> discover_nvme(System& system, NvmeConnection connection) {
    connection.subsystem = kDiscovery;
    std::string answer = TRY(system.exchange("/dev/nvme-fabrics", connect_request(connection)));
    unsigned controller = TRY(controller_number(answer));
    Undo undo;
    undo.push("disconnecting from the discovery controller", [&] {
        return system.write_attribute(text("/sys/class/nvme/nvme", controller, "/delete_controller"), "1");
    });
    std::string device = text("/dev/nvme", controller);
    std::string log_page = TRY(read_log_page(system, device, 0), "reading the discovery log page");
    uint64_t entries = std::min<uint64_t>(number_of_entries(log_page), kMostEntries);
    for (uint64_t i = 1; i <= entries; ++i)
        log_page += TRY(read_log_page(system, device, i * kEntrySize), "reading the discovery log page");
    return subsystems_in(log_page);
}

} // namespace mangrove
