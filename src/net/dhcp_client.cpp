#include "net/dhcp_client.h"

#include <algorithm>
#include <utility>

#include "base/byte_order.h"
#include "net/dhcp_lease.h"

namespace mangrove {

// RFC 2131, 4.1, has the delay double up to 64 s (SHOULD). A switch with spanning tree passes nothing for the
// first half minute: with 4, 8, 16, 32 s the first message behind it would come when the boot gives up.
static constexpr seconds kFirstDelay{4};
static constexpr seconds kLongestDelay{8};
static constexpr milliseconds kJitter{1000};
/// An offer that is not acknowledged after as many requests is dropped.
static constexpr unsigned kRequestLimit = 3;
static constexpr seconds kLongestPauseAfterRefusal{10};
// The largest message that one Ethernet packet carries, however the server counts its headers.
static constexpr uint16_t kMaximumSize = 1472;
static constexpr std::string_view kClass = "mangrove";
static constexpr uint8_t kHardwareEthernet = 1;
static constexpr uint8_t kHardwareInfiniband = 32;
static constexpr uint16_t kBroadcastFlag = 0x8000;
/// Of an address that is there: the boot could go on without.
static constexpr milliseconds kConfirmationDelay{1500};
static constexpr unsigned kConfirmationLimit = 2;

static constexpr uint8_t kParameters[] = {
    dhcp_option::kSubnetMask,    dhcp_option::kRouters,   dhcp_option::kNameServers,
    dhcp_option::kHostName,      dhcp_option::kDomain,    dhcp_option::kRootPath,
    dhcp_option::kMtu,           dhcp_option::kBroadcast, dhcp_option::kTimeServers,
    dhcp_option::kLifetime,      dhcp_option::kServer,    dhcp_option::kRenewalTime,
    dhcp_option::kRebindingTime, dhcp_option::kSearch,    dhcp_option::kClasslessRoutes,
};

static std::string times(unsigned count) {
    return count == 1 ? std::string("once") : text(count, " times");
}

std::string DhcpHistory::to_text() const {
    std::string told = "asked " + times(discovers);
    if (offers > 0)
        told += text(", was offered an address ", times(offers), ", requested it ", times(requests));
    if (refusals > 0) told += text(", was refused ", times(refusals));
    if (bad_messages > 0) told += text(", received invalid answers ", times(bad_messages));
    if (offers + refusals + bad_messages == 0) told += ", no answer";
    if (!last_problem.empty()) told += text(" (", last_problem, ")");
    return told;
}

void DhcpClient::start(Time now) {
    started_ = now;
    lease_.reset();
    is_informed_ = false;
    restart(now);
}

void DhcpClient::renew(Time now, const Lease& lease) {
    start(now);
    offer_ = lease;
    state_ = State::renewing;
}

void DhcpClient::confirm(Time now, const IpAddress& address, unsigned prefix_length) {
    start(now);
    offer_.address = address;
    offer_.prefix_length = prefix_length;
    state_ = State::confirming;
}

void DhcpClient::ask_for_the_rest(Time now) {
    restart(now);
    state_ = State::informing;
}

void DhcpClient::restart(Time when) {
    state_ = State::selecting;
    attempt_ = 0;
    next_send_ = when;
    spare_offer_.reset();
    transaction_ = static_cast<uint32_t>(random_()) ^ static_cast<uint32_t>(random_()) << 16;
}

milliseconds DhcpClient::next_delay() {
    if (state_ == State::confirming || state_ == State::informing) return kConfirmationDelay;
    milliseconds delay = attempt_ == 0 ? kFirstDelay : kLongestDelay;
    std::uniform_int_distribution<milliseconds::rep> jitter(-kJitter.count(), kJitter.count());
    return delay + milliseconds(jitter(random_));
}

std::optional<Bytes> DhcpClient::message_due(Time now) {
    if (state_ == State::bound || state_ == State::given_up || now < next_send_) return std::nullopt;
    if (state_ == State::selecting && spare_offer_) request(*std::exchange(spare_offer_, {}), now);
    if (state_ == State::requesting && attempt_ == kRequestLimit) restart(now);
    if (state_ == State::confirming && attempt_ == kConfirmationLimit) ask_for_the_rest(now);
    if (state_ == State::informing && attempt_ == kConfirmationLimit) {
        state_ = State::given_up;
        next_send_ = Time::max();
        return std::nullopt;
    }
    DhcpType type = state_ == State::selecting   ? DhcpType::discover
                    : state_ == State::informing ? DhcpType::inform
                                                 : DhcpType::request;
    ++(type == DhcpType::request ? history_.requests : history_.discovers);
    if (attempt_ == 0) requested_at_ = now;
    next_send_ = now + next_delay();
    ++attempt_;
    return make_message(type, now);
}

Bytes DhcpClient::make_message(DhcpType type, Time now) const {
    DhcpMessage message;
    message.transaction = transaction_;
    auto elapsed = std::chrono::duration_cast<seconds>(now - started_).count();
    message.elapsed_seconds = static_cast<uint16_t>(std::clamp<decltype(elapsed)>(elapsed, 0, 0xffff));
    message.mac = mac_;
    if (!guid_.empty()) {
        message.hardware_type = kHardwareInfiniband;
        message.mac = {};
        message.flags = kBroadcastFlag;
    }
    DhcpOptions& options = message.options;
    options[dhcp_option::kType] = {static_cast<uint8_t>(type)};
    options[dhcp_option::kClient] = client_identifier();
    options[dhcp_option::kMaximumSize] = {kMaximumSize >> 8, kMaximumSize & 0xff};
    options[dhcp_option::kClass] = Bytes(kClass.begin(), kClass.end());
    options[dhcp_option::kParameterList] = Bytes(std::begin(kParameters), std::end(kParameters));
    options[dhcp_option::kParameterList].push_back(wishes_.definition_option);
    auto to_bytes = [](const IpAddress& address) {
        return Bytes(address.view().begin(), address.view().end());
    };
    if (state_ == State::renewing || state_ == State::informing) message.client_address = offer_.address;
    if (state_ == State::requesting || state_ == State::confirming)
        options[dhcp_option::kRequestedAddress] = to_bytes(offer_.address);
    if (state_ == State::requesting) options[dhcp_option::kServer] = to_bytes(offer_.server);
    return encode_dhcp(message);
}

Bytes DhcpClient::client_identifier() const {
    Bytes identifier = {guid_.empty() ? kHardwareEthernet : kHardwareInfiniband};
    if (guid_.empty())
        identifier.insert(identifier.end(), mac_.bytes.begin(), mac_.bytes.end());
    else
        identifier.insert(identifier.end(), guid_.begin(), guid_.end());
    return identifier;
}

DhcpClient::Answer DhcpClient::reject(const std::string& problem) {
    ++history_.bad_messages;
    history_.last_problem = problem;
    return Answer::ignored;
}

DhcpClient::Answer DhcpClient::receive(Time now, ByteView bytes) {
    Result<DhcpMessage> message = decode_dhcp(bytes);
    if (!message) return reject(message.error().what);
    // The answers to our neighbours are broadcast as well, and are no fault.
    bool is_for_us = !guid_.empty() || message->mac == mac_;
    if (message->operation != DhcpMessage::Operation::reply || !is_for_us
        || message->transaction != transaction_)
        return Answer::ignored;
    std::optional<DhcpType> type = message->type();
    if (!type) return reject("no message type in the answer: a BOOTP server?");
    if (state_ == State::selecting && attempt_ > 0 && *type == DhcpType::offer)
        return receive_offer(now, *message);
    bool has_asked = state_ == State::requesting || state_ == State::renewing || state_ == State::confirming
                     || state_ == State::informing;
    if (has_asked && *type == DhcpType::acknowledge) return receive_acknowledgement(std::move(*message));
    if (has_asked && *type == DhcpType::refuse) return receive_refusal(now, *message);
    return Answer::ignored;
}

DhcpClient::Answer DhcpClient::receive_offer(Time now, const DhcpMessage& message) {
    Result<Lease> offer = read_lease(message);
    if (!offer) return reject(offer.error().what);
    ++history_.offers;
    if (is_worth_waiting_for_another(*offer)) {
        if (!spare_offer_) spare_offer_ = std::move(*offer);
        next_send_ = std::min<Time>(next_send_, now + kFirstDelay);
        return Answer::kept;
    }
    request(std::move(*offer), now);
    return Answer::offered;
}

/// Beside the server that boots this machine there may be one that only hands out addresses, and it may be
/// the faster one.
bool DhcpClient::is_worth_waiting_for_another(const Lease& offer) const {
    return wishes_.choice == OfferChoice::with_definition && offer.root_path.empty()
           && !offer.options.contains(wishes_.definition_option);
}

void DhcpClient::request(Lease offer, Time now) {
    offer_ = std::move(offer);
    state_ = State::requesting;
    attempt_ = 0;
    next_send_ = now;
}

DhcpClient::Answer DhcpClient::receive_acknowledgement(DhcpMessage message) {
    is_informed_ = state_ == State::informing;
    // The server grants no address then, and no time.
    if (is_informed_) message.your_address = offer_.address;
    if (is_informed_) message.options[dhcp_option::kLifetime] = Bytes(4, 0xff);
    Result<Lease> lease = read_lease(message);
    if (!lease) return reject(lease.error().what);
    if (is_informed_) lease->prefix_length = offer_.prefix_length;
    if (state_ == State::requesting && lease->server != offer_.server) return Answer::ignored;
    if (lease->address != offer_.address)
        return reject(text(offer_.server.to_text(), " offered ", offer_.address.to_text(), ", but granted ",
                           lease->address.to_text()));
    lease_ = std::move(*lease);
    state_ = State::bound;
    next_send_ = Time::max();
    return Answer::granted;
}

DhcpClient::Answer DhcpClient::receive_refusal(Time now, const DhcpMessage& message) {
    if (state_ == State::informing) return Answer::ignored;
    if (state_ == State::confirming) {
        ask_for_the_rest(now);
        return Answer::refused;
    }
    if (message.address_option(dhcp_option::kServer) != offer_.server) return Answer::ignored;
    history_.last_problem = text(offer_.server.to_text(), " refused ", offer_.address.to_text());
    // A server that offers and refuses for ever must not be asked in a tight loop.
    restart(now + std::min<milliseconds>(seconds(history_.refusals), kLongestPauseAfterRefusal));
    ++history_.refusals;
    return Answer::refused;
}

} // namespace mangrove
