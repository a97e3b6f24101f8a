#include "net/dhcp6_client.h"

#include <algorithm>
#include <utility>

#include "base/byte_order.h"

namespace mangrove {

namespace {

/// RFC 8415, 7.6: how long after the first message the second one follows, and how far that grows.
struct Retransmission {
    milliseconds first;
    milliseconds longest;
};
constexpr Retransmission kOfRequest{seconds(1), seconds(30)};
constexpr Retransmission kOfRenewal{seconds(10), seconds(600)};
constexpr Retransmission kOfOthers{seconds(1), seconds(3600)};
/// An offer that is not confirmed after as many requests is dropped (REQ_MAX_RC).
constexpr unsigned kRequestLimit = 10;
constexpr seconds kPauseAfterRefusal{1};
constexpr uint8_t kTakeAtOnce = 255; // preference
constexpr std::string_view kClass = "mangrove";
constexpr uint16_t kDuidLinkLayer = 3;
constexpr uint16_t kHardwareEthernet = 1;

Bytes numbers(std::initializer_list<uint16_t> list) {
    Bytes bytes;
    for (uint16_t number : list) {
        bytes.push_back(static_cast<uint8_t>(number >> 8));
        bytes.push_back(static_cast<uint8_t>(number));
    }
    return bytes;
}

} // namespace

Dhcp6Client::Dhcp6Client(const MacAddress& mac, uint32_t seed, OfferChoice choice)
    : mac_(mac), identifier_(numbers({kDuidLinkLayer, kHardwareEthernet})), random_(seed), choice_(choice) {
    identifier_.insert(identifier_.end(), mac.bytes.begin(), mac.bytes.end());
}

uint32_t Dhcp6Client::association(const MacAddress& mac) {
    return load_be32(&mac.bytes[2]);
}

void Dhcp6Client::begin(State state, Time now) {
    state_ = state;
    started_ = next_send_ = now;
    attempt_ = 0;
    best_offer_.reset();
    transaction_ = static_cast<uint32_t>(random_()) & 0xffffff;
}

void Dhcp6Client::renew(Time now, const Dhcp6Lease& lease, Time granted_at) {
    bool is_late = lease.rebinding_time && now >= granted_at + *lease.rebinding_time;
    begin(is_late ? State::rebinding : State::renewing, now);
    offer_ = lease;
}

void Dhcp6Client::request(Dhcp6Lease offer, Time now) {
    begin(State::requesting, now);
    offer_ = std::move(offer);
}

/// RFC 8415, 15: each delay is twice the last one, and a tenth of it more or less.
milliseconds Dhcp6Client::next_delay() {
    bool is_renewal = state_ == State::renewing || state_ == State::rebinding;
    const Retransmission& rule = is_renewal                    ? kOfRenewal
                                 : state_ == State::requesting ? kOfRequest
                                                               : kOfOthers;
    milliseconds base = attempt_ == 0 ? rule.first : std::min(2 * delay_, rule.longest);
    // The first solicitation is not repeated early (18.2.1).
    auto least = attempt_ == 0 && state_ == State::soliciting ? 0 : -base.count() / 10;
    std::uniform_int_distribution<milliseconds::rep> jitter(least, base.count() / 10);
    delay_ = base + milliseconds(jitter(random_));
    return delay_;
}

std::optional<Bytes> Dhcp6Client::message_due(Time now) {
    if (state_ == State::done || now < next_send_) return std::nullopt;
    if (state_ == State::soliciting && best_offer_) request(*std::exchange(best_offer_, {}), now);
    if (state_ == State::requesting && attempt_ == kRequestLimit) solicit(now);
    bool asks_anew = state_ == State::soliciting || state_ == State::informing;
    ++(asks_anew ? history_.discovers : history_.requests);
    if (attempt_ == 0) requested_at_ = now;
    next_send_ = now + next_delay();
    ++attempt_;
    return make_message(now);
}

Dhcp6Type Dhcp6Client::type() const {
    switch (state_) {
    case State::requesting:
        return Dhcp6Type::request;
    case State::informing:
        return Dhcp6Type::information_request;
    case State::renewing:
        return Dhcp6Type::renew;
    case State::rebinding:
        return Dhcp6Type::rebind;
    default:
        return Dhcp6Type::solicit;
    }
}

/// IA_NA, with the address where there is one. The times are the server's to choose.
Bytes Dhcp6Client::association_option() const {
    Bytes option(12);
    store_be32(option.data(), association(mac_));
    if (state_ == State::soliciting) return option;
    Bytes address(24);
    std::ranges::copy(offer_.address->view(), address.begin());
    Bytes inner = encode_dhcp6_options({{dhcp6_option::kAddress, std::move(address)}});
    option.insert(option.end(), inner.begin(), inner.end());
    return option;
}

Bytes Dhcp6Client::make_message(Time now) const {
    Dhcp6Message message;
    message.type = type();
    message.transaction = transaction_;
    auto elapsed = std::chrono::duration_cast<milliseconds>(now - started_).count() / 10;
    auto told = static_cast<uint16_t>(std::clamp<decltype(elapsed)>(elapsed, 0, 0xffff));
    message.options = {{dhcp6_option::kClient, identifier_}, {dhcp6_option::kElapsed, numbers({told})}};
    if (state_ == State::requesting || state_ == State::renewing)
        message.options.emplace_back(dhcp6_option::kServer, offer_.server);
    if (state_ != State::informing)
        message.options.emplace_back(dhcp6_option::kAssociation, association_option());
    uint16_t limit =
        state_ == State::informing ? dhcp6_option::kInformationLimit : dhcp6_option::kSolicitLimit;
    message.options.emplace_back(
        dhcp6_option::kRequested,
        numbers({dhcp6_option::kNameServers, dhcp6_option::kSearch, dhcp6_option::kBootFileUrl, limit}));
    Bytes user_class = numbers({static_cast<uint16_t>(kClass.size())});
    user_class.insert(user_class.end(), kClass.begin(), kClass.end());
    message.options.emplace_back(dhcp6_option::kUserClass, std::move(user_class));
    return encode_dhcp6(message);
}

Dhcp6Client::Answer Dhcp6Client::reject(const std::string& problem) {
    ++history_.bad_messages;
    history_.last_problem = problem;
    return Answer::ignored;
}

Dhcp6Client::Answer Dhcp6Client::receive(Time now, ByteView bytes) {
    if (state_ == State::done || attempt_ == 0) return Answer::ignored;
    Result<Dhcp6Message> message = decode_dhcp6(bytes);
    if (!message) return reject(message.error().what);
    const Bytes* client = find_option(message->options, dhcp6_option::kClient);
    // A server need not repeat who asked for information.
    bool is_for_us = client ? *client == identifier_ : state_ == State::informing;
    if (message->transaction != transaction_ || !is_for_us) return Answer::ignored;
    bool is_advertisement = message->type == Dhcp6Type::advertise;
    if (is_advertisement != (state_ == State::soliciting)) return Answer::ignored;
    std::optional<uint32_t> wanted;
    if (state_ != State::informing) wanted = association(mac_);
    Result<Dhcp6Lease> lease = read_dhcp6_lease(*message, wanted);
    if (!is_advertisement) return receive_reply(now, std::move(lease));
    if (!lease) return reject(lease.error().what);
    return receive_advertisement(now, std::move(*lease));
}

bool Dhcp6Client::is_better(const Dhcp6Lease& offer, const Dhcp6Lease& other) const {
    bool has_url = !offer.boot_file_url.empty();
    if (choice_ == OfferChoice::with_definition && has_url == other.boot_file_url.empty()) return has_url;
    return offer.preference > other.preference;
}

/// Within the first second all servers may speak (RFC 8415, 18.2.1); afterwards the first one is taken.
Dhcp6Client::Answer Dhcp6Client::receive_advertisement(Time now, Dhcp6Lease offer) {
    ++history_.offers;
    bool is_wished_for = choice_ == OfferChoice::first || !offer.boot_file_url.empty();
    if ((offer.preference == kTakeAtOnce && is_wished_for) || attempt_ > 1) {
        request(std::move(offer), now);
        return Answer::offered;
    }
    if (!best_offer_ || is_better(offer, *best_offer_)) best_offer_ = std::move(offer);
    return Answer::kept;
}

Dhcp6Client::Answer Dhcp6Client::receive_reply(Time now, Result<Dhcp6Lease> lease) {
    bool is_of_other = lease && state_ == State::requesting && lease->server != offer_.server;
    if (is_of_other) return Answer::ignored;
    bool is_other_address =
        lease && offer_.address && state_ != State::informing && lease->address != offer_.address;
    if (is_other_address)
        return reject(
            text(offer_.address->to_text(), " was offered, but ", lease->address->to_text(), " granted"));
    if (lease) {
        lease_ = std::move(*lease);
        state_ = State::done;
        next_send_ = Time::max();
        return Answer::granted;
    }
    if (state_ == State::informing) return reject(lease.error().what);
    history_.last_problem = lease.error().what;
    ++history_.refusals;
    // A server that offers and refuses for ever must not be asked in a tight loop.
    if (state_ == State::requesting) begin(State::soliciting, now + kPauseAfterRefusal);
    return Answer::refused;
}

} // namespace mangrove
