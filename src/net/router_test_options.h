#pragma once

#include "base/byte_order.h"
#include "net/dhcp_test_messages.h"

namespace mangrove {

/// An option of a router's advertisement, filled up to a multiple of eight bytes.
inline Bytes router_option(uint8_t type, uint32_t lifetime, const Bytes& value) {
    Bytes option = {type, 0, 0, 0, 0, 0, 0, 0};
    store_be32(&option[4], lifetime);
    option.insert(option.end(), value.begin(), value.end());
    option.resize((option.size() + 7) / 8 * 8);
    option[1] = static_cast<uint8_t>(option.size() / 8);
    return option;
}

inline Bytes name_servers_option(std::initializer_list<std::string_view> servers, uint32_t lifetime = 1800) {
    Bytes addresses;
    for (std::string_view server : servers) {
        Bytes address = address_bytes(server);
        addresses.insert(addresses.end(), address.begin(), address.end());
    }
    return router_option(25, lifetime, addresses);
}

/// A search list of one name.
inline Bytes search_option(std::initializer_list<std::string_view> labels, uint32_t lifetime = 1800) {
    Bytes name;
    for (std::string_view label : labels) {
        name.push_back(static_cast<uint8_t>(label.size()));
        name.insert(name.end(), label.begin(), label.end());
    }
    name.push_back(0);
    return router_option(31, lifetime, name);
}

} // namespace mangrove
