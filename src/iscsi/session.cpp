#include "iscsi/session.h"

#include <algorithm>

#include "base/log.h"
#include "base/refusals.h"
#include "iscsi/establish.h"
#include "iscsi/exchange.h"
#include "system/network.h"

namespace mangrove::iscsi {

namespace {

constexpr seconds kLogoutTimeout{5};
constexpr unsigned kRedirectsMax = 5;

using Algorithms = std::vector<ChapAlgorithm>;
using AttemptOutcome = std::variant<Redirect, Sha256Refused, Session>;

struct Connected {
    UniqueFd socket;
    Portal portal;
};

/// The first of the addresses that takes a connection; otherwise the error of the last one.
Result<Connected> connect(System& system, const Portal& portal) {
    std::vector<IpAddress> addresses = TRY(system.network().resolve(portal.host));
    Result<Connected> result = permanent_error(portal.host, " has no address");
    for (const IpAddress& address : addresses) {
        auto socket = system.network().connect_tcp(address, portal.port, system.now() + kStepTimeout);
        if (socket) return Connected{std::move(*socket), {address.to_text(), portal.port}};
        result = std::unexpected(std::move(socket).error());
    }
    return result;
}

/// The kernel takes nothing for a connection that failed until it is stopped, although it stopped it itself.
/// PDUs that it received before would pass for answers to the next login: both have the same name.
Result<> forget(System& system, IscsiConnectionId lost) {
    TRY(system.iscsi_transport().stop_connection(lost, IscsiStop::recover));
    while (TRY(system.iscsi_transport().next_event(system.now()))) {
    }
    return {};
}

/// With a session that is there already, its lost connection is made anew; otherwise a session is made.
Result<AttemptOutcome> attempt(System& system, const LoginTarget& target, const Session* lost,
                               const Portal& persistent, const Portal& at, const Algorithms& algorithms) {
    // A server that is away shall cost no session.
    Connected connected = TRY(connect(system, at));
    if (lost) TRY(check_unit(system, target, *lost, connected.portal, algorithms));
    Undo undo;
    if (lost) TRY(forget(system, lost->connection));
    Session session = lost ? *lost : TRY(create_session(system, target, undo));
    session.portal = persistent;
    session.connected_to = connected.portal;
    LoginOutcome outcome = TRY(establish(system, target, session, connected.socket, algorithms));
    if (auto* redirect = std::get_if<Redirect>(&outcome)) return std::move(*redirect);
    if (auto* refused = std::get_if<Sha256Refused>(&outcome)) return std::move(*refused);
    session.negotiated = std::get<Negotiated>(outcome);
    undo.keep();
    return session;
}

/// A later login is not worse than the first: nobody on the way can have MD5 in the place of SHA-256.
Algorithms algorithms_for(const Session* lost) {
    if (lost && lost->negotiated.chap) return {*lost->negotiated.chap};
    return {ChapAlgorithm::sha256, ChapAlgorithm::md5};
}

/// Logs in at one address, wherever the target sends us from there.
Result<Session> log_in_at(System& system, const LoginTarget& target, const Session* lost,
                          const Portal& portal, Portal& at) {
    Algorithms algorithms = algorithms_for(lost);
    Portal begin_next_at = portal;
    unsigned redirects = 0;
    for (;;) {
        AttemptOutcome outcome = TRY(attempt(system, target, lost, portal, at, algorithms));
        if (std::holds_alternative<Sha256Refused>(outcome)) {
            log_notice("the target ", target.target, " refused CHAP with SHA-256; trying MD5");
            algorithms = {ChapAlgorithm::md5};
        } else if (auto* redirect = std::get_if<Redirect>(&outcome)) {
            if (++redirects > kRedirectsMax)
                return permanent_error("more than ", kRedirectsMax, " redirects, the last to ",
                                       printable(redirect->portal.to_text()));
            at = redirect->portal;
            if (redirect->duration == Redirect::Duration::permanent) begin_next_at = at;
        } else {
            Session session = std::get<Session>(std::move(outcome));
            session.portal = begin_next_at;
            return session;
        }
    }
}

/// The portals in the order to try them in: a permanent redirect comes before those of the definition.
std::vector<Portal> portals_to_try(const LoginTarget& target, const Session* lost) {
    std::vector<Portal> portals = target.portals;
    if (lost) portals.insert(portals.begin(), lost->portal);
    return portals;
}

Result<Session> log_in_anywhere(System& system, const LoginTarget& target, const Session* lost) {
    Refusals refusals;
    std::vector<Portal> tried;
    for (const Portal& portal : portals_to_try(target, lost)) {
        auto addresses = system.network().resolve(portal.host);
        if (!addresses) refusals.add(addresses.error(), Refusals::Source::resolver);
        if (!addresses) continue;
        for (const IpAddress& address : *addresses) {
            Portal literal = {address.to_text(), portal.port};
            if (std::find(tried.begin(), tried.end(), literal) != tried.end()) continue;
            tried.push_back(literal);
            Portal at = literal;
            Result<Session> session = log_in_at(system, target, lost, literal, at);
            if (session) return session;
            Error error = std::move(session).error();
            std::string redirected = at == literal ? "" : text(", redirected to ", at.to_text());
            error.what = text("logging in to ", target.target, " at ", literal.to_text(), redirected, ": ",
                              error.what);
            refusals.add(std::move(error), Refusals::Source::server);
        }
    }
    return std::move(refusals).to_error("no portal given");
}

} // namespace

std::string Session::directory() const {
    return text("/sys/class/iscsi_session/session", number.id, "/device");
}

Result<Session> log_in(System& system, const LoginTarget& target) {
    return log_in_anywhere(system, target, nullptr);
}

Result<> log_in_again(System& system, const LoginTarget& target, Session& session) {
    session = TRY(log_in_anywhere(system, target, &session));
    return {};
}

static Result<> say_goodbye(System& system, const Session& session) {
    TRY(send(system, session.connection, logout_request(session.negotiated.expected_status_number)));
    Deadline deadline = system.now() + kLogoutTimeout;
    for (;;)
        if (is_logout_response(TRY(next_pdu(system, session.connection, deadline)))) return {};
}

Result<> drop(System& system, const Session& session) {
    IscsiTransport& transport = system.iscsi_transport();
    Result<> stopped = transport.stop_connection(session.connection, IscsiStop::terminate);
    Result<> disconnected = transport.destroy_connection(session.connection);
    Result<> destroyed = transport.destroy_session(session.number.id);
    TRY(std::move(stopped));
    TRY(std::move(disconnected));
    return destroyed;
}

Result<> log_out(System& system, const Session& session) {
    if (Result<> said = say_goodbye(system, session); !said)
        log_notice("logging out of the iSCSI session ", session.number.id,
                   " failed, ignoring: ", said.error().what);
    return drop(system, session);
}

} // namespace mangrove::iscsi
