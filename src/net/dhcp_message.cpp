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
    out[1] = kEthernet;
    out[2] = static_cast<uint8_t>(message.mac.bytes.size());
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

enum class EndOption { required, optional };

/// Appends the options in `field` to those that are there already (RFC 3396).
static Result<> decode_options(ByteView field, EndOption end, std::string_view name, DhcpOptions& options) {
    size_t position = 0;
    while (position < field.size()) {
        uint8_t code = field[position++];
        if (code == dhcp_option::kPad) continue;
        if (code == dhcp_option::kEnd) return {};
        if (position == field.size())
            return permanent_error("option ", code, " in ", name, " is cut short: it has no length");
        size_t length = field[position++];
        size_t left = field.size() - position;
        if (length > left)
            return permanent_error("option ", code, " in ", name, " is cut short: ", left, " of ", length,
                                   " bytes are there");
        ByteView value = field.subspan(position, length);
        Bytes& whole = options[code];
        whole.insert(whole.end(), value.begin(), value.end());
        position += length;
    }
    if (end == EndOption::required) return permanent_error("the options in ", name, " have no end");
    return {};
}

static std::string field_text(ByteView field) {
    auto end = std::find(field.begin(), field.end(), uint8_t{0});
    return std::string(field.begin(), end);
}

/// Options continue in `file`, then in `sname`, where option 52 says so.
static Result<> decode_all_options(ByteView bytes, DhcpMessage& message) {
    ByteView file = bytes.subspan(kBootFileOffset, kBootFileSize);
    TRY(decode_options(bytes.subspan(kOptionsOffset), EndOption::required, "the options field",
                       message.options));
    uint8_t overload = 0;
    if (auto option = message.options.find(dhcp_option::kOverload); option != message.options.end()) {
        if (option->second.size() != 1 || option->second[0] < 1 || option->second[0] > 3)
            return permanent_error("option 52 (overload) is ", hex(option->second), " and not 01, 02 or 03");
        overload = option->second[0];
    }
    if (overload & 1)
        TRY(decode_options(file, EndOption::optional, "the file field", message.options));
    else
        message.boot_file = field_text(file);
    if (overload & 2)
        TRY(decode_options(bytes.subspan(kServerNameOffset, kServerNameSize), EndOption::optional,
                           "the server name field", message.options));
    // What the two fields say of themselves has no meaning.
    if (overload != 0) message.options[dhcp_option::kOverload] = {overload};
    return {};
}

Result<DhcpMessage> decode_dhcp(ByteView bytes) {
    if (bytes.size() < kOptionsOffset)
        return permanent_error("a DHCP message of ", bytes.size(), " bytes, ", kOptionsOffset,
                               " is the least");
    if (bytes[0] != 1 && bytes[0] != 2)
        return permanent_error("the operation is ", bytes[0], " and neither 1 nor 2");
    if (bytes[1] != kEthernet || bytes[2] != 6)
        return permanent_error("a hardware address of type ", bytes[1], " with ", bytes[2],
                               " bytes, not Ethernet's");
    if (load_be32(&bytes[kCookieOffset]) != kCookie) return permanent_error("the magic cookie is missing");
    DhcpMessage message;
    message.operation = static_cast<DhcpMessage::Operation>(bytes[0]);
    message.transaction = load_be32(&bytes[4]);
    message.elapsed_seconds = load_be16(&bytes[8]);
    message.flags = load_be16(&bytes[10]);
    message.client_address = IpAddress::v4(bytes.subspan(12, 4));
    message.your_address = IpAddress::v4(bytes.subspan(16, 4));
    message.next_server = IpAddress::v4(bytes.subspan(20, 4));
    message.relay = IpAddress::v4(bytes.subspan(24, 4));
    std::copy_n(&bytes[28], message.mac.bytes.size(), message.mac.bytes.begin());
    TRY(decode_all_options(bytes, message));
    return message;
}

} // namespace mangrove
