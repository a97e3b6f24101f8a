#include "net/autoconfiguration.h"

namespace mangrove {

/// The kernel asks routers again after four seconds and a tenth more or less, and they answer within half a
/// second (RFC 4861, 6.2.6).
static constexpr seconds kRouterPatience{6};

void Autoconfiguration::receive(Time now, ByteView message) {
    if (asking_ != Asking::nothing) client_.receive(now, message);
}

void Autoconfiguration::start() {
    advice_ = RouterAdvice::unheard;
    made_by_kernel_.clear();
    can_ask_since_.reset();
    asking_.reset();
    if (method_ == IpArgument::Ipv6::auto6) asking_ = Asking::nothing;
}

void Autoconfiguration::look_at(Time now, RouterAdvice advice,
                                const std::vector<InterfaceAddress>& addresses) {
    bool was_unheard = advice_ == RouterAdvice::unheard;
    advice_ = advice;
    // A router that was late may say otherwise than was taken for granted without one.
    if (was_unheard && asking_ == Asking::addresses && what_to_ask(now) != asking_) asking_.reset();
    made_by_kernel_.clear();
    for (const InterfaceAddress& each : addresses) {
        if (each.address.family != IpAddress::Family::v6) continue;
        has_duplicate_ = has_duplicate_ || each.duplicate == InterfaceAddress::Duplicate::yes;
        if (each.duplicate != InterfaceAddress::Duplicate::no) continue;
        if (each.scope == InterfaceAddress::Scope::global) made_by_kernel_.push_back(each);
        if (each.scope == InterfaceAddress::Scope::link && !can_ask_since_) can_ask_since_ = now;
    }
}

std::optional<Autoconfiguration::Asking> Autoconfiguration::what_to_ask(Time now) const {
    using Method = IpArgument::Ipv6;
    switch (advice_) {
    case RouterAdvice::dhcp_for_addresses:
        return Asking::addresses;
    case RouterAdvice::dhcp_for_other:
        return Asking::information;
    case RouterAdvice::no_dhcp:
        return method_ == Method::dhcp6 ? Asking::addresses : Asking::nothing;
    case RouterAdvice::unheard:
        break;
    }
    if (now < *can_ask_since_ + kRouterPatience) return std::nullopt;
    return Asking::addresses;
}

std::optional<Bytes> Autoconfiguration::message_due(Time now) {
    if (!can_ask_since_) return std::nullopt;
    if (!asking_) {
        asking_ = what_to_ask(now);
        if (asking_ == Asking::addresses) client_.solicit(now);
        if (asking_ == Asking::information) client_.ask_for_information(now);
    }
    return asking_ == Asking::nothing ? std::nullopt : client_.message_due(now);
}

Time Autoconfiguration::next_send() const {
    if (!can_ask_since_) return Time::max();
    if (!asking_) return *can_ask_since_ + kRouterPatience;
    return asking_ == Asking::nothing ? Time::max() : client_.next_send();
}

bool Autoconfiguration::is_ready() const {
    if (asking_ == Asking::addresses) return lease().has_value();
    bool is_told = asking_ == Asking::nothing || (asking_ == Asking::information && lease());
    return is_told && !made_by_kernel_.empty();
}

std::string Autoconfiguration::describe() const {
    std::string told = !can_ask_since_                    ? "no link-local address"
                       : advice_ == RouterAdvice::unheard ? "no router advertisement"
                       : made_by_kernel_.empty()          ? "the routers advertise no address"
                                                          : "it has an address";
    if (has_duplicate_) told += " (another machine on the link has the same)";
    bool has_asked = asking_ && *asking_ != Asking::nothing;
    return has_asked ? text(told, "; DHCPv6: ", client_.history().to_text()) : told;
}

} // namespace mangrove
