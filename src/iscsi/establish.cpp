#include "iscsi/establish.h"

#include <algorithm>
#include <bit>

#include "iscsi/exchange.h"
#include "iscsi/session_parameters.h"

namespace mangrove::iscsi {

Result<Session> create_session(System& system, const LoginTarget& target, Undo& undo) {
    constexpr uint32_t kInitialCommandNumber = 1;
    IscsiTransport& transport = system.iscsi_transport();
    auto commands = static_cast<uint16_t>(std::bit_floor(std::clamp(target.max_commands, 16U, 4096U)));
    auto depth = static_cast<uint16_t>(std::clamp(target.queue_depth, 1U, 4096U));
    Session session;
    session.number = TRY(transport.create_session(kInitialCommandNumber, commands, depth));
    session.connection = {session.number.id, 0};
    undo.push(text("destroying the iSCSI session ", session.number.id),
              [&transport, id = session.number.id] { return transport.destroy_session(id); });
    TRY(transport.create_connection(session.connection));
    undo.push(
        text("destroying the connection of the iSCSI session ", session.number.id),
        [&transport, connection = session.connection] { return transport.destroy_connection(connection); });
    undo.push(text("stopping the connection of the iSCSI session ", session.number.id),
              [&transport, connection = session.connection] {
                  return transport.stop_connection(connection, IscsiStop::terminate);
              });
    return session;
}

Result<LoginOutcome> exchange_login(System& system, const PduExchange& exchange, Login login) {
    // A target that says something now and then, but never comes to an end, shall not hold the boot up.
    Deadline login_end = system.now() + kLoginTimeout;
    Pdu request = TRY(login.start());
    for (;;) {
        TRY(exchange.send(request));
        Deadline step_end = std::min(system.now() + kStepTimeout, login_end);
        Pdu response = TRY(exchange.receive(step_end));
        LoginStep step = TRY(login.answer(response));
        if (auto* next = std::get_if<Pdu>(&step)) {
            request = std::move(*next);
            continue;
        }
        if (auto* redirect = std::get_if<Redirect>(&step)) return std::move(*redirect);
        if (auto* refused = std::get_if<Sha256Refused>(&step)) return std::move(*refused);
        return std::get<Negotiated>(std::move(step));
    }
}

static Result<LoginOptions> login_options(System& system, const LoginTarget& target, uint32_t session_id,
                                          const std::vector<ChapAlgorithm>& algorithms) {
    LoginOptions options;
    options.initiator = target.initiator;
    options.target = target.target;
    options.isid = isid_of_session(session_id);
    options.chap = target.chap;
    options.algorithms = algorithms;
    options.header_digest = target.header_digest;
    options.data_digest = target.data_digest;
    if (target.chap && target.chap->is_mutual()) options.random = TRY(system.random_bytes(Chap::kRandomSize));
    return options;
}

Result<LoginOutcome> establish(System& system, const LoginTarget& target, const Session& session,
                               const UniqueFd& socket, const std::vector<ChapAlgorithm>& algorithms) {
    IscsiTransport& transport = system.iscsi_transport();
    TRY(transport.bind_connection(session.connection, socket.get()));
    TRY(set_identity(transport, session.connection, target, session.portal));
    LoginOptions options = TRY(login_options(system, target, session.number.id, algorithms));
    PduExchange exchange = {
        [&](const Pdu& pdu) { return send(system, session.connection, pdu); },
        [&](Deadline deadline) { return next_pdu(system, session.connection, deadline); }};
    LoginOutcome outcome = TRY(exchange_login(system, exchange, Login(std::move(options))));
    if (auto* negotiated = std::get_if<Negotiated>(&outcome)) {
        TRY(set_negotiated(transport, session.connection, *negotiated));
        TRY(transport.start_connection(session.connection));
    }
    return outcome;
}

} // namespace mangrove::iscsi
