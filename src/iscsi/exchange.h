#pragma once

#include "base/result.h"
#include "iscsi/pdu.h"
#include "system/iscsi_transport.h"
#include "system/system.h"

namespace mangrove::iscsi {

/// Returns the next PDU of the connection and drops those of other sessions. A failed connection and a passed
/// deadline are transient errors.
Result<Pdu> next_pdu(System& system, IscsiConnectionId connection, Deadline deadline);

/// Sends a PDU. The error of a lost connection says why it was lost.
Result<> send(System& system, IscsiConnectionId connection, const Pdu& pdu);

} // namespace mangrove::iscsi
