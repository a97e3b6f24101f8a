#include "net/host_addresses.h"

#include <algorithm>

namespace mangrove {

static constexpr size_t kAddressSize = 16;

bool is_host_address(const IpAddress& address) {
    bool is_link_local = address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
    return address.bytes[0] != 0 && address.bytes[0] != 0xff && !is_link_local;
}

IpAddress read_ipv6(ByteView bytes) {
    IpAddress address;
    address.family = IpAddress::Family::v6;
    std::copy_n(bytes.begin(), address.bytes.size(), address.bytes.begin());
    return address;
}

std::vector<IpAddress> read_host_addresses(ByteView bytes) {
    std::vector<IpAddress> addresses;
    for (; bytes.size() >= kAddressSize; bytes = bytes.subspan(kAddressSize)) {
        IpAddress address = read_ipv6(bytes);
        bool is_new = std::ranges::find(addresses, address) == addresses.end();
        if (is_host_address(address) && is_new) addresses.push_back(address);
    }
    return addresses;
}

std::vector<std::string> to_texts(const std::vector<IpAddress>& addresses) {
    std::vector<std::string> texts;
    for (const IpAddress& address : addresses)
        texts.push_back(address.to_text());
    return texts;
}

} // namespace mangrove
