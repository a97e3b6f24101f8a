#include <algorithm>
#include <cstdlib>

#include "base/byte_order.h"
#include "net/dhcp_client.h"
#include "net/dhcp_lease.h"
#include "net/lease_files.h"
#include "system/linux/udp_frame.h"

using namespace mangrove;

static void require(bool holds) {
    if (!holds) std::abort();
}

static bool is_host(const IpAddress& address) {
    return address.bytes[0] != 0 && address.bytes[0] != 127 && address.bytes[0] < 224;
}

/// Checks the promises of a lease to all that uses it without looking again.
static void check_lease(const Lease& lease) {
    require(is_host(lease.address) && is_host(lease.server));
    require(lease.prefix_length >= 1 && lease.prefix_length <= 32);
    require(!lease.lifetime
            || (*lease.renewal_time <= *lease.rebinding_time && *lease.rebinding_time <= *lease.lifetime));
    require(lease.routes.empty() || lease.routers.empty());
    NetworkConfiguration network;
    network.links.emplace_back().lease = lease;
    network.name_servers = lease.name_servers;
    network.search = lease.search;
    if (network.search.empty() && !lease.domain.empty()) network.search = {lease.domain};
    std::string file = resolver_file(network);
    size_t lines = network.name_servers.size() + (network.search.empty() ? 0 : 1);
    require(static_cast<size_t>(std::ranges::count(file, '\n')) == lines);
    require(!network_files(network).empty());
}

/// The message as an answer to the client's last one, with the type of an acknowledgement if there is none
/// yet.
static Bytes as_answer(ByteView message, ByteView question) {
    Bytes answer(message.begin(), message.end());
    if (answer.size() < 240) return answer;
    answer[0] = 2;
    std::copy_n(&question[4], 4, &answer[4]);
    std::copy_n(&question[28], 6, &answer[28]);
    return answer;
}

/// Whatever a server sends: the client either ignores it or ends with a lease that keeps its promises.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    ByteView bytes(data, size);
    unwrap_dhcp(bytes, UdpChecksum::left_to_card);
    if (Result<DhcpMessage> message = decode_dhcp(bytes)) {
        Result<DhcpMessage> again = decode_dhcp(encode_dhcp(*message));
        require(again && again->options == message->options && again->mac == message->mac);
        if (Result<Lease> lease = read_lease(*message)) check_lease(*lease);
    }
    DhcpClient client(MacAddress{{0x52, 0x54, 0, 0x12, 0x34, 0x56}}, 1);
    Time now = {};
    client.start(now);
    for (int round = 0; round < 6 && !client.lease(); ++round) {
        std::optional<Bytes> question = client.message_due(std::max(now, client.next_send()));
        require(question.has_value());
        Bytes answer = as_answer(bytes, *question);
        if (client.receive(now, answer) != DhcpClient::Answer::offered) continue;
        // The same again, as what the client is waiting for now.
        const uint8_t offer[] = {53, 1, 2};
        auto type = std::ranges::search(answer, offer);
        if (!type.empty()) type[2] = round % 2 == 0 ? 5 : 6;
        question = client.message_due(now);
        require(question.has_value());
        client.receive(now, answer);
    }
    if (client.lease()) check_lease(*client.lease());
    return 0;
}
