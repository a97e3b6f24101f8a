#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/text.h"
#include "system/clock.h"

namespace mangrove {

/// A session as the kernel numbers it: /sys/class/iscsi_session/sessionID and /sys/class/scsi_host/hostHOST.
struct IscsiSessionNumber {
    uint32_t id = 0;
    uint32_t host = 0;
};

struct IscsiConnectionId {
    uint32_t session = 0;
    uint32_t connection = 0;
    bool operator==(const IscsiConnectionId&) const = default;
};

/// enum iscsi_param of include/scsi/iscsi_if.h; the values that set_parameter takes are text.
enum class IscsiParameter : uint32_t {
    max_receive_data_segment = 0,
    max_transmit_data_segment = 1,
    header_digest = 2,
    data_digest = 3,
    initial_r2t = 4,
    max_outstanding_r2t = 5,
    immediate_data = 6,
    first_burst = 7,
    max_burst = 8,
    pdu_in_order = 9,
    data_sequence_in_order = 10,
    error_recovery_level = 11,
    expected_status_number = 14,
    target_name = 15,
    target_portal_group = 16,
    persistent_address = 17,
    persistent_port = 18,
    recovery_timeout = 19,
    username = 22,
    username_in = 23,
    password = 24,
    password_in = 25,
    fast_abort = 26,
    abort_timeout = 27,
    unit_reset_timeout = 28,
    ping_timeout = 30,
    ping_interval = 31,
    interface_name = 32,
    initiator_name = 34,
    target_reset_timeout = 35,
};

/// The parameter's name in the kernel's own header, for errors: "TARGET_NAME".
std::string_view iscsi_parameter_name(IscsiParameter parameter);

/// Why a connection is stopped: for good, or to connect it anew (STOP_CONN_TERM, STOP_CONN_RECOVER).
enum class IscsiStop : uint32_t { terminate = 1, recover = 3 };

/// An event that the kernel reports.
struct IscsiEvent {
    enum class Kind { pdu_received, connection_error, other };
    Kind kind = Kind::other;
    IscsiConnectionId connection;
    uint32_t error = 0; ///< enum iscsi_err, of a connection error
    Bytes header;       ///< 48 bytes, of a PDU
    Bytes data;         ///< its data segment, without padding
};

/// "the connection was closed (1020)": a number of enum iscsi_err in words.
std::string iscsi_error_text(uint32_t error);

/// The seam to the kernel's iSCSI initiator: NETLINK_ISCSI (include/scsi/iscsi_if.h), one method a uevent.
/// The modules must be loaded before the first call. Every error names the uevent.
class IscsiTransport {
  public:
    virtual ~IscsiTransport() = default;

    /// `commands_max` is a power of two from 16 to 4096.
    virtual Result<IscsiSessionNumber> create_session(uint32_t initial_command_number, uint16_t commands_max,
                                                      uint16_t queue_depth) = 0;
    virtual Result<> destroy_session(uint32_t session) = 0;
    virtual Result<> create_connection(IscsiConnectionId connection) = 0;
    virtual Result<> destroy_connection(IscsiConnectionId connection) = 0;
    /// Hands a connected TCP socket to the kernel, which takes its own reference: the caller may close it.
    virtual Result<> bind_connection(IscsiConnectionId connection, int socket) = 0;
    /// The connection must be bound. A parameter that this kernel does not know gives an error with code
    /// ENOSYS.
    virtual Result<> set_parameter(IscsiConnectionId connection, IscsiParameter parameter,
                                   std::string_view value) = 0;
    virtual Result<> start_connection(IscsiConnectionId connection) = 0;
    virtual Result<> stop_connection(IscsiConnectionId connection, IscsiStop stop) = 0;
    /// `header` has 48 bytes; the kernel fills in CmdSN and the task tag.
    virtual Result<> send_pdu(IscsiConnectionId connection, ByteView header, ByteView data) = 0;
    /// The next event of any session, in the order they came; nothing at the deadline.
    virtual Result<std::optional<IscsiEvent>> next_event(Deadline deadline) = 0;
};

} // namespace mangrove
