#pragma once

#include "iscsi/session.h"

namespace mangrove::iscsi {

/// Sets the session's identity and recovery parameters in the kernel, in the form in which an iscsid would
/// adopt it. `persistent` is the portal of the login before any redirect.
Result<> set_identity(IscsiTransport& transport, IscsiConnectionId connection, const LoginTarget& target,
                      const Portal& persistent);

/// Sets the negotiated parameters in the kernel.
Result<> set_negotiated(IscsiTransport& transport, IscsiConnectionId connection, const Negotiated& agreed);

} // namespace mangrove::iscsi
