#include "net/dhcp6_message.h"

#include <algorithm>

#include "base/byte_order.h"

namespace mangrove {

static constexpr size_t kHeaderSize = 4;

const Bytes* find_option(const Dhcp6Options& options, uint16_t code) {
    auto option = std::ranges::find(options, code, &Dhcp6Options::value_type::first);
    return option == options.end() ? nullptr : &option->second;
}

Bytes encode_dhcp6_options(const Dhcp6Options& options) {
    Bytes out;
    for (const auto& [code, value] : options) {
        size_t at = out.size();
        out.resize(at + kHeaderSize);
        store_be16(&out[at], code);
        store_be16(&out[at + 2], static_cast<uint16_t>(value.size()));
        out.insert(out.end(), value.begin(), value.end());
    }
    return out;
}

Dhcp6Options decode_dhcp6_options(ByteView bytes) {
    Dhcp6Options options;
    while (bytes.size() >= kHeaderSize) {
        uint16_t code = load_be16(bytes.data());
        size_t length = load_be16(&bytes[2]);
        bytes = bytes.subspan(kHeaderSize);
        if (length > bytes.size()) break;
        options.emplace_back(code, Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(length)));
        bytes = bytes.subspan(length);
    }
    return options;
}

Bytes encode_dhcp6(const Dhcp6Message& message) {
    Bytes out(kHeaderSize);
    store_be32(out.data(), message.transaction);
    out[0] = static_cast<uint8_t>(message.type);
    Bytes options = encode_dhcp6_options(message.options);
    out.insert(out.end(), options.begin(), options.end());
    return out;
}

Result<Dhcp6Message> decode_dhcp6(ByteView bytes) {
    if (bytes.size() < kHeaderSize)
        return permanent_error("DHCPv6 message too short: ", bytes.size(), " bytes, expected at least ",
                               kHeaderSize);
    Dhcp6Message message;
    message.type = static_cast<Dhcp6Type>(bytes[0]);
    if (message.type != Dhcp6Type::advertise && message.type != Dhcp6Type::reply)
        return permanent_error("unexpected DHCPv6 message type ", bytes[0]);
    message.transaction = load_be32(bytes.data()) & 0xffffff;
    message.options = decode_dhcp6_options(bytes.subspan(kHeaderSize));
    return message;
}

} // namespace mangrove
