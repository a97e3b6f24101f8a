#pragma once

#include "iscsi/session.h"

namespace mangrove::iscsi {

/// Tells the kernel what the session is known by and how it recovers, in the form in which an iscsid would
/// adopt it. `persistent` is where the login began, before any redirect.
Result<> set_identity(IscsiTransport& transport, IscsiConnectionId connection, const LoginTarget& target,
                      const Portal& persistent);

/// Tells the kernel what both sides agreed on.
Result<> set_negotiated(IscsiTransport& transport, IscsiConnectionId connection, const Negotiated& agreed);

} // namespace mangrove::iscsi
