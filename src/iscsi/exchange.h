#pragma once

#include "base/result.h"
#include "iscsi/pdu.h"
#include "system/iscsi_transport.h"
#include "system/system.h"

namespace mangrove::iscsi {

/// The next PDU of the connection; what comes for other sessions meanwhile is not ours to answer. A
/// connection that fails and a deadline that passes are transient errors.
Result<Pdu> next_pdu(System& system, IscsiConnectionId connection, Deadline deadline);

/// The error of a connection that is gone says why it is.
Result<> send(System& system, IscsiConnectionId connection, const Pdu& pdu);

} // namespace mangrove::iscsi
