#include "net/bring_up.h"

#include <algorithm>
#include <list>
#include <map>
#include <set>

#include "base/log.h"
#include "net/ip_argument.h"
#include "net/link_session.h"
#include "net/resolver.h"
#include "net/stacked_links.h"

namespace mangrove {

// Drivers find some cards only after firmware was loaded or a bus was scanned.
static constexpr seconds kCardPatience{30};
// Cards on USB, and those of Hyper-V, appear when their bus has been ready for a while; the network's own
// wait hears of no device without a driver.
static constexpr milliseconds kBetweenLooksForCards{500};
// A card that the command line names may be late, too; afterwards it is taken for another one's name.
static constexpr seconds kNamedCardPatience{10};
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
    BringUp(System& system, DeviceModules& modules, NetworkArguments arguments, OfferChoice choice)
        : system_(system), modules_(modules), network_(system.network()),
          arguments_(std::move(arguments)), wishes_{arguments_.definition_option, choice},
          stacked_links_(system, arguments_.vlans, arguments_.bonds), started_(system.now()),
          next_look_for_cards_(modules.are_ours() ? started_ + kBetweenLooksForCards : Time::max()) {
        by_default_.dhcp = true;
    }

    Result<NetworkConfiguration> run();

  private:
    using State = LinkSession::State;

    void choose_goals();
    void rename_links();
    Result<> rename(Link& link, const std::string& name);
    bool is_named(const Link& link, const std::string& name) const;
    bool is_card_to_ask(const Link& link) const;
    bool is_wanted_card(const Link& link) const;
    bool has_card_left() const;
    void forget_names_without_card();
    void forget_name_without_card(IpArgument& argument);
    Result<> set_loopback_up();
    const IpArgument* argument_for(const Link& link) const;
    bool is_reached(const IpArgument& goal) const;
    bool is_tried(const IpArgument& goal) const;
    bool has_found_link(const IpArgument& goal) const;
    bool is_done() const;
    Result<> look_at_links();
    std::vector<Link>::const_iterator find_link(int index) const;
    bool is_known(const Link& link) const;
    void forget_vanished();
    Result<> begin(const Link& link, const IpArgument& argument);
    /// Takes a link as it is if it has an address already.
    Result<> adopt(const Link& link, const IpArgument& argument);
    Result<> configure_ready();
    void add_routes();
    Result<> wait_for_news();
    Time gives_up_at() const;
    std::unexpected<Error> failure() const;
    std::unexpected<Error> no_card_failure() const;
    Result<NetworkConfiguration> finish();

    System& system_;
    DeviceModules& modules_;
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
    bool awaits_named_cards_ = false;
    std::set<std::string> not_renamed_; ///< names of `ifname=` that the kernel refused
};

} // namespace

void BringUp::choose_goals() {
    bool anything_named = false;
    for_any_ = nullptr;
    goals_.clear();
    for (const IpArgument& argument : arguments_.interfaces) {
        bool is_for_any = argument.interface.empty() && (!for_any_ || for_any_->is_off());
        if (is_for_any) for_any_ = &argument;
        if (argument.interface.empty() || argument.is_off()) continue;
        anything_named = true;
        goals_.push_back(&argument);
    }
    // Beside named interfaces, another one is asked only for the sake of an address.
    bool is_needless = anything_named && (!for_any_ || for_any_->fixed.empty());
    if (is_needless) for_any_ = nullptr;
    if (anything_named && !for_any_) return;
    if (for_any_ && for_any_->is_off())
        log_warning("kernel command line: ", for_any_->written,
                    " disables the network, but the boot needs it; using DHCP");
    if (!for_any_ || for_any_->is_off()) for_any_ = &by_default_;
    goals_.push_back(for_any_);
}

Result<> BringUp::set_loopback_up() {
    for (const Link& link : TRY(network_.links()))
        if (link.type == Link::Type::loopback && link.state == LinkState::down)
            TRY(network_.set_link_state(link, LinkState::up));
    return {};
}

/// By its name, its hardware address, or the name that `ifname=` has for that.
bool BringUp::is_named(const Link& link, const std::string& name) const {
    if (link.name == name || MacAddress::parse(name) == link.mac) return true;
    return std::ranges::any_of(arguments_.names, [&](const InterfaceName& each) {
        return each.name == name && each.mac == link.mac && link.is_card();
    });
}

bool BringUp::is_card_to_ask(const Link& link) const {
    return stacked_links_.is_made_here(link.name)
           || (link.is_card() && !stacked_links_.carries_another(link.name));
}

bool BringUp::is_wanted_card(const Link& link) const {
    if (!arguments_.boot_device.empty()) return is_named(link, arguments_.boot_device);
    return !arguments_.boot_card || *arguments_.boot_card == link.mac
           || stacked_links_.stands_on(link.name, *arguments_.boot_card);
}

const IpArgument* BringUp::argument_for(const Link& link) const {
    if (link.type == Link::Type::loopback) return nullptr;
    for (const IpArgument& argument : arguments_.interfaces)
        if (!argument.interface.empty() && is_named(link, argument.interface))
            return argument.is_off() ? nullptr : &argument;
    // A link that is configured already makes it needless to touch another one.
    bool may_be_any =
        for_any_ && is_card_to_ask(link) && !is_reached(*for_any_) && !has_found_link(*for_any_);
    return may_be_any && is_wanted_card(link) ? for_any_ : nullptr;
}

/// A name that the running system would have given a card is not there in an initramfs without udev, and a
/// boot loader can tell the address of a card that has no driver here. Such an argument counts for any card.
void BringUp::forget_name_without_card(IpArgument& argument) {
    bool is_there =
        std::ranges::any_of(links_, [&](const Link& link) { return is_named(link, argument.interface); });
    bool has_other = std::ranges::any_of(arguments_.interfaces, [](const IpArgument& each) {
        return each.interface.empty() && !each.is_off();
    });
    if (argument.interface.empty() || argument.is_off() || is_there || has_other) return;
    log_warning(argument.written, ": interface '", argument.interface, "' not found; using any card");
    argument.interface.clear();
}

bool BringUp::has_card_left() const {
    return std::ranges::any_of(links_,
                               [&](const Link& link) { return is_card_to_ask(link) && !is_known(link); });
}

void BringUp::forget_names_without_card() {
    awaits_named_cards_ = false;
    bool has_wanted = std::ranges::any_of(links_, [&](const Link& link) { return is_wanted_card(link); });
    if (for_any_ && !has_wanted) {
        log_warning(arguments_.boot_device.empty()
                        ? text("BOOTIF=: no network card has the address ", arguments_.boot_card->to_text())
                        : text("bootdev=", arguments_.boot_device, ": interface not found"),
                    "; using all cards");
        arguments_.boot_card.reset();
        arguments_.boot_device.clear();
    }
    for (IpArgument& argument : arguments_.interfaces)
        if (!is_tried(argument)) forget_name_without_card(argument);
    choose_goals();
    links_changed_ = true;
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

bool BringUp::has_found_link(const IpArgument& goal) const {
    return std::ranges::any_of(sessions_, [&](const LinkSession& session) {
        return &session.argument() == &goal && session.result().is_found;
    });
}

bool BringUp::is_done() const {
    return std::ranges::all_of(goals_, [&](const IpArgument* goal) { return is_reached(*goal); });
}

Result<> BringUp::look_at_links() {
    links_ = TRY(network_.links());
    rename_links();
    while (TRY(stacked_links_.make(links_)))
        links_ = TRY(network_.links());
    links_changed_ = false;
    forget_vanished();
    for (LinkSession& session : sessions_)
        if (session.state() != State::configured) TRY(session.look_at(*find_link(session.link().index)));
    for (const Link& link : links_)
        if (link.state == LinkState::up && !is_known(link))
            if (const IpArgument* argument = argument_for(link)) TRY(adopt(link, *argument));
    for (const Link& link : links_) {
        const IpArgument* argument = is_known(link) ? nullptr : argument_for(link);
        if (argument) TRY(begin(link, *argument));
    }
    return {};
}

/// A card with a name that another one is to have gets out of its way first. One that is up keeps its name.
void BringUp::rename_links() {
    for (const InterfaceName& wanted : arguments_.names) {
        auto card = std::ranges::find_if(
            links_, [&](const Link& link) { return link.is_card() && link.mac == wanted.mac; });
        bool is_settled = card == links_.end() || card->name == wanted.name || card->state == LinkState::up
                          || not_renamed_.contains(wanted.name);
        if (is_settled) continue;
        auto other = std::ranges::find(links_, wanted.name, &Link::name);
        Result<> renamed;
        if (other != links_.end()) renamed = rename(*other, text("other", other->index));
        if (renamed) renamed = rename(*card, wanted.name);
        if (renamed) continue;
        log_warning(renamed.error().what, ", ignoring");
        not_renamed_.insert(wanted.name);
    }
}

Result<> BringUp::rename(Link& link, const std::string& name) {
    TRY(network_.rename_link(link, name));
    link.name = name;
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
    log_notice(link.name, " has the address ", addresses.front().to_text(), " already; not configuring it");
    sessions_.emplace_back(system_, link, argument, wishes_, std::move(addresses));
    return sessions_.back().begin();
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
        TRY(modules_.wait_for_late_devices(system_.now()));
    }
    Time deadline = std::min(gives_up_at(), next_look_for_cards_);
    Time late = started_ + kNamedCardPatience;
    if (awaits_named_cards_ && system_.now() < late) deadline = std::min(deadline, late);
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
    for (const std::string& ignored : arguments_.ignored)
        log_warning("kernel command line: ", ignored, ", ignoring");
    choose_goals();
    awaits_named_cards_ =
        arguments_.boot_card || !arguments_.boot_device.empty() || !goals_.front()->interface.empty();
    TRY(set_loopback_up());
    for (;;) {
        if (links_changed_) TRY(look_at_links());
        TRY(configure_ready());
        if (is_done()) return finish();
        bool is_late = system_.now() >= started_ + kNamedCardPatience;
        if (awaits_named_cards_ && is_late && has_card_left()) {
            forget_names_without_card();
            continue;
        }
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
        names.push_back(link.type == Link::Type::ethernet || link.type == Link::Type::infiniband
                            ? text(link.name, " (", link.mac.to_text(), ")")
                            : link.name);
    return names.empty() ? std::string("no interfaces") : join(names, ", ");
}

std::unexpected<Error> BringUp::no_card_failure() const {
    std::string there = "; found: " + list_links(links_);
    bool has_port =
        std::ranges::any_of(links_, [](const Link& link) { return link.type == Link::Type::infiniband; });
    if (!has_port && system_.path_kind("/sys/class/infiniband") == PathKind::directory)
        there += ", and an InfiniBand adapter without IP (the initramfs needs --drivers infiniband)";
    if (!goals_.front()->interface.empty())
        return permanent_error("interface '", goals_.front()->interface, "' not found (",
                               goals_.front()->written, ")", there);
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
        if (!session.argument().dhcp) no_answer = "no IPv6 address";
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

/// To the interface that the argument names, else the one whose network the gateway is in, else the first.
void BringUp::add_routes() {
    for (const RouteArgument& wanted : arguments_.routes) {
        Route route;
        route.destination = wanted.destination;
        route.prefix_length = wanted.prefix_length;
        route.gateway = wanted.gateway;
        auto reaches = [&](const LinkSession& session) {
            if (session.state() != State::configured) return false;
            if (!wanted.interface.empty()) return is_named(session.link(), wanted.interface);
            return std::ranges::any_of(session.result().addresses, [&](const InterfaceAddress& own) {
                return is_in_same_network(own.address, *wanted.gateway, own.prefix_length);
            });
        };
        auto session = std::ranges::find_if(sessions_, reaches);
        if (session == sessions_.end() && wanted.interface.empty()) {
            session = std::ranges::find(sessions_, State::configured, &LinkSession::state);
            route.gateway_check = GatewayCheck::on_link;
        }
        if (session != sessions_.end())
            session->add_route(route);
        else
            log_warning("rd.route=: interface '", wanted.interface,
                        "' not configured, ignoring the route to ", route.to_text());
    }
}

Result<NetworkConfiguration> BringUp::finish() {
    NetworkConfiguration network;
    network.name_servers = arguments_.name_servers;
    network.peer_dns = arguments_.peer_dns;
    add_routes();
    std::ranges::stable_partition(order_, [&](int index) {
        return !arguments_.boot_device.empty() && find_link(index) != links_.end()
               && is_named(*find_link(index), arguments_.boot_device);
    });
    for (int index : order_) {
        auto session = std::ranges::find_if(
            sessions_, [&](const LinkSession& each) { return each.link().index == index; });
        network.links.push_back(session->result());
        add_names_of_link(network, session->result(), session->argument());
    }
    add_names_of_others(system_, network);
    TRY(write_resolver(system_, network));
    network.carriers = stacked_links_.carriers();
    stacked_links_.keep();
    // Sessions that were not finished are undone when they are destroyed.
    for (LinkSession& session : sessions_)
        if (session.state() == State::configured) session.keep();
    return network;
}

Result<NetworkConfiguration> bring_up_network(System& system, DeviceModules& modules,
                                              const KernelCommandLine& command_line, OfferChoice choice) {
    constexpr std::string_view kStep = "bringing up the network";
    NetworkArguments arguments = TRY(parse_network_arguments(command_line), kStep);
    return TRY(BringUp(system, modules, std::move(arguments), choice).run(), kStep);
}

} // namespace mangrove
