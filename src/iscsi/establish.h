#pragma once

#include <functional>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/undo.h"
#include "base/unique_fd.h"
#include "iscsi/session.h"

namespace mangrove::iscsi {

/// How long the target may take for each step, and for the login as a whole.
constexpr seconds kStepTimeout{15};
constexpr seconds kLoginTimeout{60};

using LoginOutcome = std::variant<Redirect, Sha256Refused, Negotiated>;

/// The way of the PDUs to the target and back.
struct PduExchange {
    std::function<Result<>(const Pdu&)> send;
    std::function<Result<Pdu>(Deadline)> receive;
};

Result<LoginOutcome> exchange_login(System& system, const PduExchange& exchange, Login login);

/// Makes a session with one connection, without a socket yet; `undo` takes both away again.
Result<Session> create_session(System& system, const LoginTarget& target, Undo& undo);

/// Takes a session whose connection is not bound (a new one, or one that was stopped) to the full feature
/// phase.
Result<LoginOutcome> establish(System& system, const LoginTarget& target, const Session& session,
                               const UniqueFd& socket, const std::vector<ChapAlgorithm>& algorithms);

} // namespace mangrove::iscsi
