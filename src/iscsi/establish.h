#pragma once

#include <functional>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/undo.h"
#include "base/unique_fd.h"
#include "iscsi/session.h"

namespace mangrove::iscsi {

/// Time limits for each step of the login, and for the login as a whole.
constexpr seconds kStepTimeout{15};
constexpr seconds kLoginTimeout{60};

using LoginOutcome = std::variant<Redirect, Sha256Refused, Negotiated>;

/// Sends PDUs to the target and receives its answers.
struct PduExchange {
    std::function<Result<>(const Pdu&)> send;
    std::function<Result<Pdu>(Deadline)> receive;
};

Result<LoginOutcome> exchange_login(System& system, const PduExchange& exchange, Login login);

/// Creates a session with one connection, without a socket; `undo` removes both.
Result<Session> create_session(System& system, const LoginTarget& target, Undo& undo);

/// Brings a session whose connection is not bound (new or stopped) to the full feature phase.
Result<LoginOutcome> establish(System& system, const LoginTarget& target, const Session& session,
                               const UniqueFd& socket, const std::vector<ChapAlgorithm>& algorithms);

} // namespace mangrove::iscsi
