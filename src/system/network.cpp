#include "system/network.h"

#include <arpa/inet.h>

namespace mangrove {

std::optional<IpAddress> IpAddress::parse(std::string_view written) {
    if (written.size() > 2 && written.front() == '[' && written.back() == ']')
        written = written.substr(1, written.size() - 2);
    std::string literal(written);
    IpAddress address;
    if (inet_pton(AF_INET, literal.c_str(), address.bytes.data()) == 1) return address;
    address.family = Family::v6;
    if (inet_pton(AF_INET6, literal.c_str(), address.bytes.data()) == 1) return address;
    return std::nullopt;
}

std::string IpAddress::to_text() const {
    char literal[INET6_ADDRSTRLEN] = {};
    inet_ntop(family == Family::v4 ? AF_INET : AF_INET6, bytes.data(), literal, sizeof literal);
    return literal;
}

} // namespace mangrove
