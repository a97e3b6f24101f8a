#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "net/dhcp_message.h"

namespace mangrove {

inline constexpr MacAddress kTestMac = {{0x52, 0x54, 0x00, 0x12, 0x34, 0x56}};

/// A message that dnsmasq 2.90 sent to our client, from the fuzzer's corpus.
inline Bytes captured_message(const std::string& name) {
    std::string path = SOURCE_DIRECTORY "/src/net/corpus/dhcp_fuzz/" + name;
    std::FILE* file = std::fopen(path.c_str(), "rb");
    if (!file) std::abort();
    Bytes bytes(4096);
    bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file));
    std::fclose(file);
    return bytes;
}

inline Bytes address_bytes(std::string_view written) {
    IpAddress address = *IpAddress::parse(written);
    return Bytes(address.view().begin(), address.view().end());
}

/// An offer of 192.0.2.10/24 by 192.0.2.1 for an hour, and nothing else.
inline DhcpMessage plain_offer() {
    DhcpMessage message;
    message.operation = DhcpMessage::Operation::reply;
    message.mac = kTestMac;
    message.your_address = *IpAddress::parse("192.0.2.10");
    message.options = {{dhcp_option::kType, {2}},
                       {dhcp_option::kServer, address_bytes("192.0.2.1")},
                       {dhcp_option::kSubnetMask, address_bytes("255.255.255.0")},
                       {dhcp_option::kLifetime, {0, 0, 0x0e, 0x10}}};
    return message;
}

/// Answers a client as a server that gives 192.0.2.10 to everybody, with `extra` options.
inline std::vector<Bytes> answer_as_server(ByteView question, const DhcpOptions& extra = {}) {
    Result<DhcpMessage> asked = decode_dhcp(question);
    if (!asked || !asked->type()) return {};
    DhcpMessage answer = plain_offer();
    answer.transaction = asked->transaction;
    answer.mac = asked->mac;
    DhcpType type = *asked->type() == DhcpType::discover ? DhcpType::offer : DhcpType::acknowledge;
    answer.options[dhcp_option::kType] = {static_cast<uint8_t>(type)};
    for (const auto& [code, value] : extra)
        answer.options[code] = value;
    return {encode_dhcp(answer)};
}

} // namespace mangrove
