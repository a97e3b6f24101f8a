#include <algorithm>
#include <cstdlib>

#include "base/byte_order.h"
#include "net/dhcp6_client.h"
#include "net/domain_names.h"

using namespace mangrove;

static void require(bool holds) {
    if (!holds) std::abort();
}

static constexpr MacAddress kMac = {{0x52, 0x54, 0, 0x12, 0x34, 0x56}};

/// Checks the promises of a lease to all that uses it without looking again.
static void check_lease(const Dhcp6Lease& lease) {
    require(!lease.server.empty() && lease.server.size() <= 130);
    if (lease.address)
        require(lease.address->family == IpAddress::Family::v6 && lease.address->bytes[0] != 0xff);
    require(!lease.lifetime
            || (*lease.renewal_time <= *lease.rebinding_time && *lease.rebinding_time <= *lease.lifetime));
    require(std::ranges::all_of(lease.search, is_domain_name));
    require(lease.boot_file_url.find('\n') == std::string::npos);
}

/// The message as an answer to the client's last one.
static Bytes as_answer(ByteView message, ByteView question, uint8_t type) {
    Bytes answer(message.begin(), message.end());
    if (answer.size() < 4) return answer;
    answer[0] = type;
    std::copy_n(&question[1], 3, &answer[1]);
    return answer;
}

/// Whatever a server sends: the client either ignores it or ends with a lease that keeps its promises.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    ByteView bytes(data, size);
    if (Result<Dhcp6Message> message = decode_dhcp6(bytes)) {
        Result<Dhcp6Message> again = decode_dhcp6(encode_dhcp6(*message));
        require(again && again->options == message->options && again->transaction == message->transaction);
        for (std::optional<uint32_t> association :
             {std::optional<uint32_t>(), std::optional(Dhcp6Client::association(kMac))})
            if (Result<Dhcp6Lease> lease = read_dhcp6_lease(*message, association)) check_lease(*lease);
    }
    Dhcp6Client client(kMac, 1);
    Time now = {};
    client.solicit(now);
    for (int round = 0; round < 6 && !client.lease(); ++round) {
        now = std::max(now, client.next_send());
        std::optional<Bytes> question = client.message_due(now);
        require(question.has_value());
        bool is_solicitation = question->front() == 1;
        client.receive(now, as_answer(bytes, *question, is_solicitation ? 2 : 7));
    }
    if (!client.lease()) return 0;
    check_lease(*client.lease());
    client.renew(now, *client.lease(), now);
    require(client.message_due(now).has_value());
    return 0;
}
