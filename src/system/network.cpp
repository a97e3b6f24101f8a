#include "system/network.h"

#include <algorithm>
#include <arpa/inet.h>

namespace mangrove {

std::optional<IpAddress> IpAddress::parse(std::string_view written) {
    if (written.size() > 2 && written.front() == '[' && written.back() == ']')
        written = written.substr(1, written.size() - 2);
    // inet_pton stops at a NUL and would take what stands before it.
    if (written.find('\0') != std::string_view::npos) return std::nullopt;
    std::string literal(written);
    IpAddress address;
    if (inet_pton(AF_INET, literal.c_str(), address.bytes.data()) == 1) return address;
    address.family = Family::v6;
    if (inet_pton(AF_INET6, literal.c_str(), address.bytes.data()) == 1) return address;
    return std::nullopt;
}

IpAddress IpAddress::v4(ByteView bytes) {
    IpAddress address;
    std::copy_n(bytes.begin(), 4, address.bytes.begin());
    return address;
}

std::string IpAddress::to_text() const {
    char literal[INET6_ADDRSTRLEN] = {};
    inet_ntop(family == Family::v4 ? AF_INET : AF_INET6, bytes.data(), literal, sizeof literal);
    return literal;
}

bool is_in_same_network(const IpAddress& a, const IpAddress& b, unsigned prefix_length) {
    if (a.family != b.family || prefix_length > a.view().size() * 8) return false;
    for (unsigned bit = 0; bit < prefix_length; ++bit) {
        unsigned mask = 0x80u >> (bit % 8);
        if ((a.bytes[bit / 8] & mask) != (b.bytes[bit / 8] & mask)) return false;
    }
    return true;
}

IpAddress network_of(IpAddress address, unsigned prefix_length) {
    for (size_t bit = prefix_length; bit < address.view().size() * 8; ++bit)
        address.bytes[bit / 8] &= static_cast<uint8_t>(~(0x80u >> (bit % 8)));
    return address;
}

MacAddress mac_of_guid(ByteView guid) {
    return {{guid[0], guid[1], guid[2], guid[5], guid[6], guid[7]}};
}

Bytes Link::guid() const {
    if (type != Type::infiniband || address.size() != kInfinibandAddressSize) return {};
    return {address.end() - 8, address.end()};
}

std::optional<MacAddress> MacAddress::parse(std::string_view written) {
    std::vector<std::string> parts = split(written, written.find('-') == std::string_view::npos ? ':' : '-');
    MacAddress mac;
    if (parts.size() != mac.bytes.size()) return std::nullopt;
    for (size_t i = 0; i < parts.size(); ++i) {
        std::optional<uint64_t> byte = parse_number(parts[i], 16);
        if (parts[i].size() != 2 || !byte) return std::nullopt;
        mac.bytes[i] = static_cast<uint8_t>(*byte);
    }
    return mac;
}

std::string InterfaceAddress::to_text() const {
    return text(address.to_text(), "/", prefix_length);
}

std::string Route::to_text() const {
    std::string described =
        prefix_length == 0 ? std::string("default") : text(destination.to_text(), "/", prefix_length);
    if (gateway) described += " via " + gateway->to_text();
    return described;
}

} // namespace mangrove
