#include "base/host_port.h"

#include <algorithm>

#include "base/text.h"

namespace mangrove {

std::optional<HostPort> split_host_port(std::string_view written) {
    constexpr uint64_t kLargestPort = 65535;
    size_t host_end = written.size();
    HostPort result;
    if (written.starts_with("[")) {
        size_t bracket = written.find(']');
        if (bracket == std::string_view::npos) return std::nullopt;
        result.host = written.substr(1, bracket - 1);
        host_end = bracket + 1;
        if (host_end < written.size() && written[host_end] != ':') return std::nullopt;
    } else {
        if (written.find(':') == written.rfind(':')) host_end = std::min(written.find(':'), written.size());
        result.host = written.substr(0, host_end);
    }
    if (result.host.empty()) return std::nullopt;
    if (host_end == written.size()) return result;
    std::optional<uint64_t> port = parse_number(written.substr(host_end + 1));
    if (!port || *port < 1 || *port > kLargestPort) return std::nullopt;
    result.port = static_cast<uint16_t>(*port);
    return result;
}

std::string without_port(std::string_view written) {
    return std::string(written.substr(0, written.rfind(':')));
}

std::string bracketed(std::string_view address) {
    return address.find(':') == std::string_view::npos ? std::string(address) : text("[", address, "]");
}

} // namespace mangrove
