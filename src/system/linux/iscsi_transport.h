#pragma once

#include <deque>

#include "base/unique_fd.h"
#include "system/iscsi_transport.h"

namespace mangrove {

/// The kernel's own. Opens its netlink socket at the first call, so that the modules can be loaded before.
class LinuxIscsiTransport : public IscsiTransport {
  public:
    Result<IscsiSessionNumber> create_session(uint32_t initial_command_number, uint16_t commands_max,
                                              uint16_t queue_depth) override;
    Result<> destroy_session(uint32_t session) override;
    Result<> create_connection(IscsiConnectionId connection) override;
    Result<> destroy_connection(IscsiConnectionId connection) override;
    Result<> bind_connection(IscsiConnectionId connection, int socket) override;
    Result<> set_parameter(IscsiConnectionId connection, IscsiParameter parameter,
                           std::string_view value) override;
    Result<> start_connection(IscsiConnectionId connection) override;
    Result<> stop_connection(IscsiConnectionId connection, IscsiStop stop) override;
    Result<> send_pdu(IscsiConnectionId connection, ByteView header, ByteView data) override;
    Result<std::optional<IscsiEvent>> next_event(Deadline deadline) override;

  private:
    struct Uevent;
    enum class ReturnCode { none, in_reply };

    Result<> open();
    /// Sends a uevent with its payload, waits for the reply and checks both of its error channels.
    Result<Uevent> call(Uevent request, ReturnCode return_code, const std::string& operation,
                        ByteView payload = {});
    Result<> transmit(const Uevent& request, const std::string& operation, ByteView payload);
    Result<Uevent> await_reply(uint32_t type, const std::string& operation);
    /// One datagram from the kernel; nothing at the deadline.
    Result<std::optional<Bytes>> receive(Deadline deadline);
    static IscsiEvent to_event(const Uevent& uevent, ByteView payload);

    UniqueFd socket_;
    uint64_t transport_handle_ = 0;
    std::deque<IscsiEvent> events_; ///< that came before an awaited reply
};

} // namespace mangrove
