#include "net/dhcp_message.h"

#include <algorithm>

#include "base/byte_order.h"

namespace mangrove {

// The fixed part (RFC 2131, figure 1) and the magic cookie behind it.
static constexpr size_t kServerNameOffset = 44;
static constexpr size_t kServerNameSize = 64;
static constexpr size_t kBootFileOffset = 108;
static constexpr size_t kBootFileSize = 128;
static constexpr size_t kCookieOffset = 236;
static constexpr size_t kOptionsOffset = 240;
static constexpr size_t kMinimumSize = 300;
static constexpr uint32_t kCookie = 0x63825363;
static constexpr uint8_t kEthernet = 1;

std::optional<DhcpType> DhcpMessage::type() const {
    auto option = options.find(dhcp_option::kType);
    if (option == options.end() || option->second.size() != 1) return std::nullopt;
    uint8_t number = option->second[0];
    if (number < 1 || number > 8) return std::nullopt;
    return static_cast<DhcpType>(number);
}

std::optional<IpAddress> DhcpMessage::address_option(uint8_t code) const {
    auto option = options.find(code);
    if (option == options.end() || option->second.size() != 4) return std::nullopt;
    return IpAddress::v4(option->second);
}

static void encode_option(Bytes& out, uint8_t code, ByteView value) {
    do {
        size_t part = std::min<size_t>(value.size(), 255);
        out.push_back(code);
        out.push_back(static_cast<uint8_t>(part));
        out.insert(out.end(), value.begin(), value.begin() + static_cast<ptrdiff_t>(part));
        value = value.subspan(part);
    } while (!value.empty());
}

Bytes encode_dhcp(const DhcpMessage& message) {
    Bytes out(kOptionsOffset);
    out[0] = static_cast<uint8_t>(message.operation);
    out[1] = message.hardware_type;
    out[2] = message.hardware_type == kEthernet ? static_cast<uint8_t>(message.mac.bytes.size()) : 0;
    store_be32(&out[4], message.transaction);
    store_be16(&out[8], message.elapsed_seconds);
    store_be16(&out[10], message.flags);
    std::ranges::copy(message.client_address.view(), &out[12]);
    std::ranges::copy(message.your_address.view(), &out[16]);
    std::ranges::copy(message.next_server.view(), &out[20]);
    std::ranges::copy(message.relay.view(), &out[24]);
    std::ranges::copy(message.mac.bytes, &out[28]);
    std::copy_n(message.boot_file.begin(), std::min(message.boot_file.size(), kBootFileSize - 1),
                &out[kBootFileOffset]);
    store_be32(&out[kCookieOffset], kCookie);
    // Some servers read the type only from the first option.
    if (auto type = message.options.find(dhcp_option::kType); type != message.options.end())
        encode_option(out, type->first, type->second);
    for (const auto& [code, value] : message.options)
        if (code != dhcp_option::kType) encode_option(out, code, value);
    out.push_back(dhcp_option::kEnd);
    if (out.size() < kMinimumSize) out.resize(kMinimumSize);
    return out;
}

/// How many bytes an option has whose size RFC 2132 fixes, of those that are read here; 0 for the others.
static size_t fixed_size(uint8_t code) {
    switch (code) {
    case dhcp_option::kSubnetMask:
    case dhcp_option::kBroadcast:
    case dhcp_option::kRequestedAddress:
    case dhcp_option::kLifetime:
    case dhcp_option::kServer:
    case dhcp_option::kRenewalTime:
    case dhcp_option::kRebindingTime:
        return 4;
    case dhcp_option::kMtu:
    case dhcp_option::kMaximumSize:
        return 2;
    case dhcp_option::kOverload:
    case dhcp_option::kType:
        return 1;
    default:
        return 0;
    }
}

/// RFC 3396 has the parts of an option put together. A server that is configured to send an option that it
/// sends by itself sends it twice, which is no second part.
static void add_part(uint8_t code, ByteView part, Bytes& whole) {
    size_t size = fixed_size(code);
    bool is_repeated = part.size() < 255 && std::ranges::equal(part, whole);
    if (is_repeated || (size > 0 && whole.size() == size)) return;
    if (size > 0) whole.clear();
    whole.insert(whole.end(), part.begin(), part.end());
}

/// Appends the options in `field` to those that are there already. One that is cut short ends them, and so
/// does the end of the field: dhclient, systemd-networkd and udhcpc take such messages.
static void decode_options(ByteView field, std::string_view name, DhcpMessage& message) {
    size_t position = 0;
    while (position < field.size()) {
        uint8_t code = field[position++];
        if (code == dhcp_option::kPad) continue;
        if (code == dhcp_option::kEnd) return;
        size_t length = position < field.size() ? field[position++] : 1;
        size_t left = field.size() - position;
        if (length > left) {
            message.ignored.push_back(text("option ", code, " in ", name, " is truncated: ", left, " of ",
                                           length, " bytes are there"));
            return;
        }
        add_part(code, field.subspan(position, length), message.options[code]);
        position += length;
    }
}

static std::string field_text(ByteView field) {
    auto end = std::find(field.begin(), field.end(), uint8_t{0});
    return std::string(field.begin(), end);
}

/// 0 when there is none, and when it makes no sense.
static uint8_t read_overload(DhcpMessage& message) {
    auto option = message.options.find(dhcp_option::kOverload);
    if (option == message.options.end()) return 0;
    if (option->second.size() == 1 && option->second[0] >= 1 && option->second[0] <= 3)
        return option->second[0];
    message.ignored.push_back(text("option 52 (overload) is '", hex(option->second), "', not 01, 02 or 03"));
    message.options.erase(option);
    return 0;
}

/// Options continue in `file`, then in `sname`, where option 52 says so.
static void decode_all_options(ByteView bytes, DhcpMessage& message) {
    ByteView file = bytes.subspan(kBootFileOffset, kBootFileSize);
    decode_options(bytes.subspan(kOptionsOffset), "the options field", message);
    uint8_t overload = read_overload(message);
    if (overload & 1)
        decode_options(file, "the file field", message);
    else
        message.boot_file = field_text(file);
    if (overload & 2)
        decode_options(bytes.subspan(kServerNameOffset, kServerNameSize), "the server name field", message);
}

Result<DhcpMessage> decode_dhcp(ByteView bytes) {
    if (bytes.size() < kOptionsOffset)
        return permanent_error("DHCP message too short: ", bytes.size(), " bytes, expected at least ",
                               kOptionsOffset);
    if (bytes[0] != 1 && bytes[0] != 2) return permanent_error("the operation is ", bytes[0], ", not 1 or 2");
    if (load_be32(&bytes[kCookieOffset]) != kCookie) return permanent_error("the magic cookie is missing");
    DhcpMessage message;
    message.operation = static_cast<DhcpMessage::Operation>(bytes[0]);
    message.hardware_type = bytes[1];
    message.transaction = load_be32(&bytes[4]);
    message.elapsed_seconds = load_be16(&bytes[8]);
    message.flags = load_be16(&bytes[10]);
    message.client_address = IpAddress::v4(bytes.subspan(12, 4));
    message.your_address = IpAddress::v4(bytes.subspan(16, 4));
    message.next_server = IpAddress::v4(bytes.subspan(20, 4));
    message.relay = IpAddress::v4(bytes.subspan(24, 4));
    std::copy_n(&bytes[28], message.mac.bytes.size(), message.mac.bytes.begin());
    decode_all_options(bytes, message);
    return message;
}

} // namespace mangrove
