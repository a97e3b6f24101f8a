#pragma once

#include <memory>

#include "iscsi/session.h"
#include "machine/watched_connection.h"

namespace mangrove::iscsi {

/// Returns a session that reconnects when its connection is lost, or when the target asks for a logout (RFC
/// 7143 section 11.9). An iscsid of the running system has precedence.
std::shared_ptr<WatchedConnection> watch_session(LoginTarget target, Session session);

} // namespace mangrove::iscsi
