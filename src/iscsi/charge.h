#pragma once

#include <memory>

#include "iscsi/session.h"
#include "system/charge.h"

namespace mangrove::iscsi {

/// Returns a session that reconnects when its connection is lost, or when the target asks for a logout (RFC
/// 7143 section 11.9). An iscsid of the running system has precedence.
std::shared_ptr<Charge> make_charge(LoginTarget target, Session session);

} // namespace mangrove::iscsi
