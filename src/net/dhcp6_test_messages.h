#pragma once

#include "base/byte_order.h"
#include "net/dhcp6_client.h"
#include "net/dhcp_test_messages.h"

namespace mangrove {

inline const Bytes kTestDuid = {0, 3, 0, 1, 0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

/// IA_NA of kTestMac with one address; T1 and T2 are left to the client.
inline Bytes association_with(std::string_view address, uint32_t preferred = 1800, uint32_t valid = 3600) {
    Bytes inner = address_bytes(address);
    inner.resize(24);
    store_be32(&inner[16], preferred);
    store_be32(&inner[20], valid);
    Bytes association = {0x00, 0x12, 0x34, 0x56, 0, 0, 0, 0, 0, 0, 0, 0};
    Bytes option = encode_dhcp6_options({{dhcp6_option::kAddress, inner}});
    association.insert(association.end(), option.begin(), option.end());
    return association;
}

/// A message of a client, whose types `decode_dhcp6` does not take.
inline Dhcp6Message decode_question(ByteView question) {
    Dhcp6Message asked;
    asked.type = static_cast<Dhcp6Type>(question[0]);
    asked.transaction = load_be32(question.data()) & 0xffffff;
    asked.options = decode_dhcp6_options(question.subspan(4));
    return asked;
}

/// Answers as a server that gives 2001:db8::10 to everybody, with `extra` options. It knows no other client.
inline std::vector<Bytes> answer_as_dhcp6_server(ByteView question, const Dhcp6Options& extra = {}) {
    Dhcp6Message asked = decode_question(question);
    Dhcp6Message answer;
    answer.type = asked.type == Dhcp6Type::solicit ? Dhcp6Type::advertise : Dhcp6Type::reply;
    answer.transaction = asked.transaction;
    answer.options = {{dhcp6_option::kClient, kTestDuid}, {dhcp6_option::kServer, {0, 2, 7}}};
    if (asked.type != Dhcp6Type::information_request)
        answer.options.emplace_back(dhcp6_option::kAssociation, association_with("2001:db8::10"));
    answer.options.insert(answer.options.end(), extra.begin(), extra.end());
    return {encode_dhcp6(answer)};
}

} // namespace mangrove
