#include "net/bring_up.h"

#include <algorithm>
#include <list>
#include <map>

#include "base/log.h"
#include "net/ip_argument.h"
#include "net/lease_files.h"
#include "net/link_session.h"
#include "net/stacked_links.h"
#include "system/device_modules.h"

namespace mangrove {

// Drivers find some cards only after firmware was loaded or a bus was scanned.
static constexpr seconds kCardPatience{30};
// Cards on USB, and those of Hyper-V, appear when their bus has been ready for a while; the network's own
// wait hears of no device without a driver.
static constexpr milliseconds kBetweenLooksForCards{500};
// However often links lose and regain their carrier.
static constexpr seconds kPatience{180};

const Lease* NetworkConfiguration::lease() const {
    for (const ConfiguredLink& link : links)
        if (link.lease) return &*link.lease;
    return nullptr;
}

namespace {

/// The whole bring-up: one session for each link that is tried. What remains of it when it is destroyed is
/// undone.
class BringUp {
  public:
    BringUp(System& system, NetworkArguments arguments, OfferChoice choice)
        : system_(system), network_(system.network()),
          arguments_(std::move(arguments)), wishes_{arguments_.definition_option, choice},
          stacked_links_(system, arguments_.vlans, arguments_.bonds), started_(system.now()),
          next_look_for_cards_(loads_device_modules(system) ? started_ + kBetweenLooksForCards
                                                            : Time::max()) {}

    Result<NetworkConfiguration> run();

  private:
    using State = LinkSession::State;

    Result<> choose_goals();
    Result<> set_loopback_up();
    const IpArgument* argument_for(const Link& link) const;
    bool is_reached(const IpArgument& goal) const;
    bool is_tried(const IpArgument& goal) const;
    bool is_done() const;
    Result<> look_at_links();
    std::vector<Link>::const_iterator find_link(int index) const;
    bool is_known(const Link& link) const;
    void forget_vanished();
    Result<> begin(const Link& link, const IpArgument& argument);
    /// Takes a link as it is if it has an address already.
    Result<> adopt(const Link& link, const IpArgument& argument);
    Result<> configure_ready();
    Result<> wait_for_news();
    Time gives_up_at() const;
    std::unexpected<Error> failure() const;
    std::unexpected<Error> no_card_failure() const;
    Result<NetworkConfiguration> finish();

    System& system_;
    Network& network_;
    NetworkArguments arguments_;
    DhcpWishes wishes_;
    IpArgument by_default_;                ///< DHCP, where no `ip=` says otherwise
    const IpArgument* for_any_ = nullptr;  ///< for the links that no `ip=` names; none: leave them alone
    std::vector<const IpArgument*> goals_; ///< what has to be configured, each on one link
    StackedLinks stacked_links_;           ///< removed after the sessions that are on them
    std::list<LinkSession> sessions_;
    std::map<int, Error> unusable_; ///< cards that nobody named, by index: why they cannot be set up
    std::vector<Link> links_;
    std::vector<int> order_; ///< indices of the links, as they were configured
    Time started_;
    Time next_look_for_cards_; ///< never where udev gives them their drivers
    bool links_changed_ = true;
};

} // namespace

Result<> BringUp::choose_goals() {
    bool anything_named = false;
    for_any_ = &by_default_;
    for (const IpArgument& argument : arguments_.interfaces) {
        bool is_off = argument.method == IpArgument::Method::off;
        if (argument.interface.empty()) for_any_ = is_off ? nullptr : &argument;
        if (argument.interface.empty() || is_off) continue;
        anything_named = true;
        goals_.push_back(&argument);
    }
    if (anything_named && for_any_ == &by_default_) for_any_ = nullptr;
    if (for_any_) goals_.push_back(for_any_);
    if (goals_.empty())
        return permanent_error("the kernel command line turns the network off (",
                               arguments_.interfaces.back().written, "), and the boot needs it");
    return {};
}

Result<> BringUp::set_loopback_up() {
    for (const Link& link : TRY(network_.links()))
        if (link.type == Link::Type::loopback && link.state == LinkState::down)
            TRY(network_.set_link_state(link, LinkState::up));
    return {};
}

const IpArgument* BringUp::argument_for(const Link& link) const {
    if (link.type == Link::Type::loopback) return nullptr;
    for (const IpArgument& argument : arguments_.interfaces)
        if (!argument.interface.empty() && argument.interface == link.name)
            return argument.method == IpArgument::Method::off ? nullptr : &argument;
    bool may_be_any = stacked_links_.is_made_here(link.name)
                      || (link.is_card() && !stacked_links_.carries_another(link.name));
    if (!for_any_ || !may_be_any || is_reached(*for_any_)) return nullptr;
    bool is_wanted = !arguments_.boot_card || *arguments_.boot_card == link.mac
                     || stacked_links_.stands_on(link.name, *arguments_.boot_card);
    return is_wanted ? for_any_ : nullptr;
}

bool BringUp::is_reached(const IpArgument& goal) const {
    return std::ranges::any_of(sessions_, [&](const LinkSession& session) {
        return &session.argument() == &goal && session.state() == State::configured;
    });
}

bool BringUp::is_tried(const IpArgument& goal) const {
    return std::ranges::any_of(sessions_,
                               [&](const LinkSession& session) { return &session.argument() == &goal; });
}

bool BringUp::is_done() const {
    return std::ranges::all_of(goals_, [&](const IpArgument* goal) { return is_reached(*goal); });
}

Result<> BringUp::look_at_links() {
    links_ = TRY(network_.links());
    while (TRY(stacked_links_.make(links_)))
        links_ = TRY(network_.links());
    links_changed_ = false;
    forget_vanished();
    for (LinkSession& session : sessions_)
        if (session.state() != State::configured) TRY(session.look_at(*find_link(session.link().index)));
    // A link that is configured already makes it needless to touch another one.
    for (const Link& link : links_)
        if (link.state == LinkState::up && !is_known(link))
            if (const IpArgument* argument = argument_for(link)) TRY(adopt(link, *argument));
    for (const Link& link : links_) {
        const IpArgument* argument = is_known(link) ? nullptr : argument_for(link);
        if (argument) TRY(begin(link, *argument));
    }
    return {};
}

Result<> BringUp::begin(const Link& link, const IpArgument& argument) {
    sessions_.emplace_back(system_, link, argument, wishes_);
    Result<> begun = sessions_.back().begin();
    if (begun || !argument.interface.empty()) return begun;
    // One that nobody named may be the wrong one, with a driver that lacks its firmware here.
    sessions_.pop_back();
    log_warning(begun.error().what, ", ignoring");
    unusable_.emplace(link.index, std::move(begun.error()));
    return {};
}

std::vector<Link>::const_iterator BringUp::find_link(int index) const {
    return std::ranges::find(links_, index, &Link::index);
}

bool BringUp::is_known(const Link& link) const {
    return unusable_.contains(link.index) || std::ranges::any_of(sessions_, [&](const LinkSession& session) {
               return session.link().index == link.index;
           });
}

void BringUp::forget_vanished() {
    for (auto session = sessions_.begin(); session != sessions_.end();) {
        int index = session->link().index;
        if (find_link(index) != links_.end()) {
            ++session;
            continue;
        }
        session->forget();
        session = sessions_.erase(session);
        std::erase(order_, index);
    }
}

Result<> BringUp::adopt(const Link& link, const IpArgument& argument) {
    std::vector<InterfaceAddress> addresses = TRY(network_.addresses(link));
    std::erase_if(addresses, [](const InterfaceAddress& address) {
        return address.scope != InterfaceAddress::Scope::global
               || address.duplicate != InterfaceAddress::Duplicate::no;
    });
    if (addresses.empty()) return {};
    log_notice(link.name, " has the address ", addresses.front().to_text(), " already: it is left alone");
    sessions_.emplace_back(system_, link, argument, std::move(addresses));
    order_.push_back(link.index);
    return {};
}

Result<> BringUp::configure_ready() {
    for (LinkSession& session : sessions_) {
        if (session.state() != State::ready || is_reached(session.argument())) continue;
        TRY(session.configure(), "configuring ", session.link().name);
        order_.push_back(session.link().index);
    }
    // The first good answer wins: the other links that were tried for the same are set down again.
    std::erase_if(sessions_, [&](const LinkSession& session) {
        return session.state() != State::configured && is_reached(session.argument());
    });
    return {};
}

Time BringUp::gives_up_at() const {
    Time latest = started_;
    for (const IpArgument* goal : goals_)
        if (!is_tried(*goal)) latest = std::max<Time>(latest, started_ + kCardPatience);
    for (const LinkSession& session : sessions_)
        if (session.state() != State::configured) latest = std::max(latest, session.gives_up_at());
    return std::min<Time>(latest, started_ + kPatience);
}

Result<> BringUp::wait_for_news() {
    if (system_.now() >= next_look_for_cards_) {
        next_look_for_cards_ = system_.now() + kBetweenLooksForCards;
        TRY(wait_for_late_devices(system_, system_.now()));
    }
    Time deadline = std::min(gives_up_at(), next_look_for_cards_);
    for (const LinkSession& session : sessions_)
        deadline = std::min(deadline, session.next_send());
    std::optional<NetworkEvent> event = TRY(network_.wait(deadline));
    if (event && event->kind == NetworkEvent::Kind::link_changed) links_changed_ = true;
    for (LinkSession& session : sessions_) {
        bool is_for_it = event && event->kind != NetworkEvent::Kind::link_changed
                         && event->link_index == session.link().index;
        if (is_for_it) TRY(session.receive(*event));
        TRY(session.continue_asking());
    }
    return {};
}

Result<NetworkConfiguration> BringUp::run() {
    TRY(choose_goals());
    TRY(set_loopback_up());
    for (;;) {
        if (links_changed_) TRY(look_at_links());
        TRY(configure_ready());
        if (is_done()) return finish();
        if (system_.now() < gives_up_at()) {
            TRY(wait_for_news());
            continue;
        }
        if (order_.empty()) return failure();
        log_warning("not all links that the kernel command line names are ready, ignoring: ",
                    failure().error().what);
        return finish();
    }
}

static std::string list_links(const std::vector<Link>& links) {
    std::vector<std::string> names;
    for (const Link& link : links)
        names.push_back(link.type == Link::Type::ethernet ? text(link.name, " (", link.mac.to_text(), ")")
                                                          : link.name);
    return names.empty() ? std::string("no interface at all") : join(names, ", ");
}

std::unexpected<Error> BringUp::no_card_failure() const {
    std::string there = "; there is " + list_links(links_);
    if (!goals_.front()->interface.empty())
        return permanent_error("no interface '", goals_.front()->interface, "' (", goals_.front()->written,
                               ")", there);
    if (arguments_.boot_card)
        return permanent_error("no network card with the address ", arguments_.boot_card->to_text(),
                               " (BOOTIF=)", there);
    return permanent_error("no network card", there);
}

std::unexpected<Error> BringUp::failure() const {
    std::vector<std::string> told;
    bool had_carrier = false;
    const char* no_answer = "no DHCP lease";
    for (const LinkSession& session : sessions_) {
        if (session.state() == State::configured) continue;
        had_carrier = had_carrier || session.state() == State::asking;
        if (session.is_autoconfigured()) no_answer = "no IPv6 address";
        told.push_back(session.describe());
    }
    if (told.empty() && !unusable_.empty()) return std::unexpected(unusable_.begin()->second);
    if (told.empty()) return no_card_failure();
    for (const auto& [index, error] : unusable_)
        told.push_back(error.what);
    auto waited = std::chrono::duration_cast<seconds>(system_.now() - started_).count();
    return transient_error(had_carrier ? no_answer : "no network link is ready", " after ", waited,
                           " s: ", join(told, "; "));
}

static void append_new(std::vector<IpAddress>& list, const std::vector<IpAddress>& more) {
    for (const IpAddress& address : more)
        if (std::ranges::find(list, address) == list.end()) list.push_back(address);
}

Result<NetworkConfiguration> BringUp::finish() {
    NetworkConfiguration network;
    network.name_servers = arguments_.name_servers;
    for (int index : order_) {
        auto session = std::ranges::find_if(
            sessions_, [&](const LinkSession& each) { return each.link().index == index; });
        const ConfiguredLink& link = session->result();
        network.links.push_back(link);
        append_new(network.name_servers, session->argument().name_servers);
        if (network.host_name.empty()) network.host_name = session->argument().host_name;
        if (link.dhcp6) {
            append_new(network.name_servers, link.dhcp6->name_servers);
            if (network.search.empty()) network.search = link.dhcp6->search;
        }
        // DHCP goes before routers (RFC 8106, 5.3.1).
        append_new(network.name_servers, link.advice.name_servers);
        if (network.search.empty()) network.search = link.advice.search;
        if (!link.lease) continue;
        append_new(network.name_servers, link.lease->name_servers);
        if (network.host_name.empty()) network.host_name = link.lease->host_name;
        if (network.search.empty()) network.search = link.lease->search;
        if (network.search.empty() && !link.lease->domain.empty()) network.search = {link.lease->domain};
    }
    if (!network.name_servers.empty()) {
        TRY(system_.make_directory("/etc"));
        TRY(system_.write_file("/etc/resolv.conf", resolver_file(network)),
            "telling the resolver its servers");
    }
    network.carriers = stacked_links_.carriers();
    stacked_links_.keep();
    // Sessions that were not finished are undone when they are destroyed.
    for (LinkSession& session : sessions_)
        if (session.state() == State::configured) session.keep();
    return network;
}

Result<NetworkConfiguration> bring_up_network(System& system, const KernelCommandLine& command_line,
                                              OfferChoice choice) {
    constexpr std::string_view kStep = "bringing up the network";
    NetworkArguments arguments = TRY(parse_network_arguments(command_line), kStep);
    return TRY(BringUp(system, std::move(arguments), choice).run(), kStep);
}

} // namespace mangrove
