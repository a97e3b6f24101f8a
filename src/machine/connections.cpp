#include "machine/connections.h"

namespace mangrove {

/// Of "1: 0100007F:0CBC 0200007F:D431 01 …".
static bool is_established(const std::string& line, std::optional<uint16_t> to_port) {
    constexpr size_t kRemote = 2, kState = 3;
    std::vector<std::string> fields = split(trim(line), ' ');
    if (fields.size() <= kState || fields[kState] != "01") return false;
    const std::string& remote = fields[kRemote];
    return !to_port || parse_number(std::string_view(remote).substr(remote.rfind(':') + 1), 16) == to_port;
}

Result<size_t> count_connections(System& system, std::optional<uint16_t> to_port) {
    std::string lines = TRY(system.read_file("/proc/net/tcp"));
    // A kernel without IPv6 has no such file.
    if (Result<std::string> more = system.read_file("/proc/net/tcp6")) lines += *more;
    size_t count = 0;
    for (const std::string& line : split(lines, '\n'))
        count += is_established(line, to_port) ? 1 : 0;
    return count;
}

} // namespace mangrove
