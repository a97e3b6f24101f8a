#include "iscsi/send_targets.h"

#include <algorithm>

#include "base/byte_order.h"
#include "iscsi/text_keys.h"

namespace mangrove::iscsi {

namespace {

constexpr uint8_t kTextRequest = 0x04;
constexpr uint8_t kTextResponse = 0x24;
constexpr uint8_t kReject = 0x3f;
constexpr uint8_t kOpcodeMask = 0x3f;
constexpr uint8_t kFinal = 0x80;
constexpr uint32_t kNoTag = 0xffffffff;
constexpr unsigned kExchangesMax = 1000;
constexpr size_t kTextMax = 1 << 20;

/// A name is UTF-8 (RFC 7143 section 4.2.7.1), and goes to the console.
bool is_shown_as_it_is(std::string_view name) {
    return std::ranges::none_of(name,
                                [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; });
}

Result<std::vector<OfferedTarget>> read_targets(ByteView text_of_target) {
    TextKeys keys = TRY(TextKeys::parse(text_of_target));
    std::vector<OfferedTarget> targets;
    for (const TextKey& pair : keys.all()) {
        if (pair.key == "TargetName") {
            if (!is_shown_as_it_is(pair.value))
                return permanent_error("the target lists an invalid name: '", printable(pair.value), "'");
            targets.push_back({pair.value, {}});
        }
        if (pair.key != "TargetAddress") continue;
        if (targets.empty()) return permanent_error("the target lists an address before any name");
        // One that cannot be read is one that cannot be reached: there may be others.
        if (std::optional<Portal> portal = parse_target_address(pair.value))
            targets.back().portals.push_back(*std::move(portal));
    }
    return targets;
}

} // namespace

Pdu SendTargets::start() {
    TextKeys keys;
    keys.add("SendTargets", "All");
    return request(kNoTag, keys.to_bytes());
}

Pdu SendTargets::request(uint32_t transfer_tag, Bytes text) {
    constexpr uint32_t kTaskTag = 1;
    Pdu pdu = {Bytes(kHeaderSize), std::move(text)};
    pdu.header[0] = kTextRequest;
    pdu.header[1] = kFinal;
    store_be32(&pdu.header[4], static_cast<uint32_t>(pdu.data.size()));
    store_be32(&pdu.header[16], kTaskTag);
    store_be32(&pdu.header[20], transfer_tag);
    store_be32(&pdu.header[24], command_number_++);
    store_be32(&pdu.header[28], expected_status_number_);
    return pdu;
}

Result<std::variant<Pdu, std::vector<OfferedTarget>>> SendTargets::answer(const Pdu& response) {
    if (response.header.size() != kHeaderSize)
        return permanent_error("the target sent a PDU without a header");
    uint8_t opcode = response.header[0] & kOpcodeMask;
    if (opcode == kReject)
        return permanent_error("the target rejected SendTargets, reason ", response.header[2]);
    if (opcode != kTextResponse)
        return permanent_error("the target answered SendTargets with a PDU of opcode ", opcode);
    if (++exchanges_ > kExchangesMax || text_.size() + response.data.size() > kTextMax)
        return permanent_error("the target's list of targets is too long");
    expected_status_number_ = load_be32(&response.header[24]) + 1;
    text_.insert(text_.end(), response.data.begin(), response.data.end());
    if (!(response.header[1] & kFinal)) {
        uint32_t transfer_tag = load_be32(&response.header[20]);
        if (transfer_tag == kNoTag) return permanent_error("the target's list of targets is truncated");
        return request(transfer_tag, {});
    }
    return TRY(read_targets(text_));
}

} // namespace mangrove::iscsi
