#include "iscsi/discovery.h"

#include <algorithm>

#include "base/log.h"
#include "base/refusals.h"
#include "iscsi/establish.h"
#include "iscsi/send_targets.h"
#include "iscsi/socket_exchange.h"
#include "machine/each_address.h"

// A discovery session, RFC 7143 section 4.3: a login without a target, SendTargets, and a logout. The
// kernel's initiator has no part in it: the PDUs go over a TCP connection of ours.

namespace mangrove::iscsi {

namespace {

constexpr unsigned kAttemptsMax = 5;
constexpr size_t kListedMax = 20;

using Targets = std::vector<OfferedTarget>;

Result<Targets> ask_for_targets(System& system, const PduExchange& exchange,
                                uint32_t expected_status_number) {
    SendTargets question(expected_status_number);
    Pdu request = question.start();
    Deadline end = system.now() + kLoginTimeout;
    for (;;) {
        TRY(exchange.send(request));
        Deadline step_end = std::min(system.now() + kStepTimeout, end);
        auto step = TRY(question.answer(TRY(exchange.receive(step_end))));
        if (auto* targets = std::get_if<Targets>(&step)) return std::move(*targets);
        request = std::get<Pdu>(std::move(step));
    }
}

Result<LoginOptions> discovery_options(System& system, const LoginTarget& wanted,
                                       const std::vector<ChapAlgorithm>& algorithms) {
    LoginOptions options;
    options.type = SessionType::discovery;
    options.initiator = wanted.initiator;
    options.isid = isid_of_session(0);
    options.chap = wanted.chap;
    options.algorithms = algorithms;
    if (wanted.chap && wanted.chap->is_mutual()) options.random = TRY(system.random_bytes(Chap::kRandomSize));
    return options;
}

using Answer = std::variant<Redirect, Sha256Refused, Targets>;

Result<Answer> discover_over(System& system, const LoginTarget& wanted, const UniqueFd& connection,
                             const std::vector<ChapAlgorithm>& algorithms) {
    PduExchange exchange = exchange_over(system, connection);
    LoginOptions options = TRY(discovery_options(system, wanted, algorithms));
    LoginOutcome outcome = TRY(exchange_login(system, exchange, Login(std::move(options))));
    if (auto* redirect = std::get_if<Redirect>(&outcome)) return std::move(*redirect);
    if (auto* refused = std::get_if<Sha256Refused>(&outcome)) return std::move(*refused);
    uint32_t status_number = std::get<Negotiated>(outcome).expected_status_number;
    Targets targets = TRY(ask_for_targets(system, exchange, status_number));
    // The target's answer to the end of the session changes nothing any more.
    if (Result<> said = exchange.send(logout_request(status_number + 1)); !said)
        log_notice("logging out of the discovery session failed, ignoring: ", said.error().what);
    return targets;
}

Result<UniqueFd> connect(System& system, const Portal& portal) {
    return try_each_address(system.network(), portal.host, [&](const IpAddress& address) {
        return system.network().connect_tcp(address, portal.port, system.now() + kStepTimeout);
    });
}

Result<OfferedTarget> the_only_one(Targets targets) {
    if (targets.empty()) return permanent_error("it offers no target");
    if (targets.size() == 1) return std::move(targets.front());
    std::vector<std::string> names;
    for (const OfferedTarget& target : targets)
        if (names.size() < kListedMax) names.push_back(printable(target.name));
    return permanent_error("it offers ", targets.size(),
                           " targets; name one in 'target': ", join(names, ", "),
                           targets.size() > kListedMax ? ", …" : "");
}

/// Asks one portal, or the one that it sends us to.
Result<OfferedTarget> discover_at(System& system, const LoginTarget& wanted, Portal at) {
    std::vector<ChapAlgorithm> algorithms = {ChapAlgorithm::sha256, ChapAlgorithm::md5};
    for (unsigned attempts = 0; attempts < kAttemptsMax; ++attempts) {
        UniqueFd connection = TRY(connect(system, at));
        Answer answer = TRY(discover_over(system, wanted, connection, algorithms));
        if (auto* targets = std::get_if<Targets>(&answer)) return the_only_one(std::move(*targets));
        if (auto* redirect = std::get_if<Redirect>(&answer))
            at = redirect->portal;
        else
            algorithms = {ChapAlgorithm::md5};
    }
    return permanent_error("too many redirects, the last to ", printable(at.to_text()));
}

/// The portals to log in at: the one that answered if the target is there, the others that it is offered at,
/// and those of the definition, for a target behind an address translation.
std::vector<Portal> portals_of(const OfferedTarget& target, const Portal& answered,
                               const std::vector<Portal>& named) {
    std::vector<Portal> portals;
    auto add = [&](const Portal& portal) {
        if (std::ranges::find(portals, portal) == portals.end()) portals.push_back(portal);
    };
    if (std::ranges::find(target.portals, answered) != target.portals.end()) add(answered);
    std::ranges::for_each(target.portals, add);
    std::ranges::for_each(named, add);
    return portals;
}

Result<LoginTarget> discover_at_address(System& system, const LoginTarget& wanted, const Portal& at) {
    Result<OfferedTarget> offered = discover_at(system, wanted, at);
    if (!offered) {
        offered.error().what = text("looking for targets at ", at.to_text(), ": ", offered.error().what);
        return std::unexpected(std::move(offered).error());
    }
    log_notice(at.to_text(), " offers the target ", offered->name);
    LoginTarget found = wanted;
    found.target = offered->name;
    found.portals = portals_of(*offered, at, wanted.portals);
    return found;
}

} // namespace

Result<LoginTarget> discover_target(System& system, const LoginTarget& wanted) {
    Refusals refusals;
    for (const Portal& portal : wanted.portals) {
        auto found = try_each_address(system.network(), portal.host, [&](const IpAddress& address) {
            return discover_at_address(system, wanted, {address.to_text(), portal.port});
        });
        if (found) return found;
        refusals.add(std::move(found).error(), Refusals::Source::server);
    }
    return std::move(refusals).to_error("no portal given");
}

} // namespace mangrove::iscsi
