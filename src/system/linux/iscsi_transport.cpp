#include "system/linux/iscsi_transport.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

namespace mangrove {

namespace {

constexpr uint32_t kEventGroup = 1; // ISCSI_NL_GRP_ISCSID
constexpr size_t kHeaderSize = 48;
constexpr std::string_view kHandlePath = "/sys/class/iscsi_transport/tcp/handle";

// enum iscsi_uevent_e
enum Type : uint32_t {
    kCreateSession = 11,
    kDestroySession = 12,
    kCreateConnection = 13,
    kDestroyConnection = 14,
    kBindConnection = 15,
    kSetParameter = 16,
    kStartConnection = 17,
    kStopConnection = 18,
    kSendPdu = 19,
    kReceivedPdu = 101,
    kConnectionError = 102,
    kInterfaceError = 103,
};

} // namespace

/// struct iscsi_uevent of include/scsi/iscsi_if.h, the members that are used here.
struct alignas(uint64_t) LinuxIscsiTransport::Uevent {
    uint32_t type;
    uint32_t interface_error;
    uint64_t transport_handle;
    union {
        struct {
            uint32_t initial_command_number;
            uint16_t commands_max;
            uint16_t queue_depth;
        } create_session;
        IscsiConnectionId connection; ///< also of destroy_session, with the session alone
        struct {
            IscsiConnectionId connection;
            uint64_t socket;
            uint32_t is_leading;
        } bind;
        struct {
            IscsiConnectionId connection;
            uint32_t parameter;
            uint32_t length;
        } set_parameter;
        struct {
            IscsiConnectionId connection;
            uint64_t handle;
            uint32_t flag;
        } stop;
        struct {
            IscsiConnectionId connection;
            uint32_t header_size;
            uint32_t data_size;
        } send_pdu;
        uint8_t request_bytes[24];
    };
    union {
        int32_t return_code;
        IscsiSessionNumber session;
        struct {
            IscsiConnectionId connection;
            uint64_t handle;
        } received;
        struct {
            IscsiConnectionId connection;
            uint32_t error;
        } connection_error;
        uint8_t reply_bytes[16];
    };

    Uevent() { std::memset(static_cast<void*>(this), 0, sizeof *this); }
    explicit Uevent(Type event_type) : Uevent() { type = event_type; }
    Uevent(Type event_type, IscsiConnectionId of) : Uevent(event_type) { connection = of; }

    static void check_layout() {
        static_assert(sizeof(Uevent) == 56);
        static_assert(offsetof(Uevent, request_bytes) == 16);
        static_assert(offsetof(Uevent, reply_bytes) == 40);
    }
};

Result<> LinuxIscsiTransport::open() {
    if (socket_.is_open()) return {};
    std::string path(kHandlePath);
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) return system_error(errno, "opening ", path);
    char digits[32] = {};
    ssize_t length = ::read(file.get(), digits, sizeof digits);
    if (length < 0) return system_error(errno, "reading ", path);
    std::optional<uint64_t> handle = parse_number(trim({digits, static_cast<size_t>(length)}));
    if (!handle) return permanent_error("reading ", path, ": not a number");
    transport_handle_ = *handle;

    UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ISCSI));
    if (!socket.is_open()) return system_error(errno, "opening the iSCSI netlink socket");
    sockaddr_nl address = {};
    address.nl_family = AF_NETLINK;
    address.nl_groups = kEventGroup;
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
        return system_error(errno, "binding the iSCSI netlink socket");
    socket_ = std::move(socket);
    return {};
}

Result<> LinuxIscsiTransport::transmit(const Uevent& request, const std::string& operation,
                                       ByteView payload) {
    nlmsghdr header = {};
    header.nlmsg_len = static_cast<uint32_t>(NLMSG_LENGTH(sizeof request + payload.size()));
    header.nlmsg_type = static_cast<uint16_t>(request.type);
    header.nlmsg_flags = NLM_F_REQUEST;
    Bytes message(NLMSG_ALIGN(header.nlmsg_len));
    std::memcpy(message.data(), &header, sizeof header);
    std::memcpy(message.data() + NLMSG_HDRLEN, &request, sizeof request);
    if (!payload.empty())
        std::memcpy(message.data() + NLMSG_HDRLEN + sizeof request, payload.data(), payload.size());
    ssize_t sent;
    do
        sent = ::send(socket_.get(), message.data(), message.size(), 0);
    while (sent < 0 && errno == EINTR);
    std::fill(message.begin(), message.end(), uint8_t{0}); // it may hold a password
    if (sent < 0) return system_error(errno, operation);
    return {};
}

Result<std::optional<Bytes>> LinuxIscsiTransport::receive(Deadline deadline) {
    for (;;) {
        auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
        pollfd readable = {socket_.get(), POLLIN, 0};
        int ready = ::poll(&readable, 1, left > 0 ? static_cast<int>(left) : 0);
        if (ready < 0 && errno != EINTR) return system_error(errno, "waiting for the iSCSI netlink socket");
        if (ready == 0) return std::nullopt;
        if (ready < 0) continue;
        ssize_t size = ::recv(socket_.get(), nullptr, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
        if (size < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOBUFS)) continue;
        if (size < 0) return system_error(errno, "reading from the iSCSI netlink socket");
        Bytes message(static_cast<size_t>(size));
        sockaddr_nl sender = {};
        socklen_t sender_size = sizeof sender;
        size = ::recvfrom(socket_.get(), message.data(), message.size(), MSG_DONTWAIT,
                          reinterpret_cast<sockaddr*>(&sender), &sender_size);
        if (size < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOBUFS)) continue;
        if (size < 0) return system_error(errno, "reading from the iSCSI netlink socket");
        if (sender.nl_pid != 0 || message.size() < NLMSG_HDRLEN + sizeof(Uevent)) continue;
        return message;
    }
}

IscsiEvent LinuxIscsiTransport::to_event(const Uevent& uevent, ByteView payload) {
    IscsiEvent event;
    if (uevent.type == kConnectionError) {
        event.kind = IscsiEvent::Kind::connection_error;
        event.connection = uevent.connection_error.connection;
        event.error = uevent.connection_error.error;
    } else if (uevent.type == kReceivedPdu && payload.size() >= kHeaderSize) {
        event.kind = IscsiEvent::Kind::pdu_received;
        event.connection = uevent.received.connection;
        ByteView header = payload.first(kHeaderSize);
        event.header.assign(header.begin(), header.end());
        // The message is padded: how much of it is data stands in the PDU (DataSegmentLength).
        size_t length = (size_t{header[5]} << 16) | (size_t{header[6]} << 8) | header[7];
        ByteView data = payload.subspan(kHeaderSize, std::min(length, payload.size() - kHeaderSize));
        event.data.assign(data.begin(), data.end());
    }
    return event;
}

Result<LinuxIscsiTransport::Uevent> LinuxIscsiTransport::await_reply(uint32_t type,
                                                                     const std::string& operation) {
    // The kernel has answered when send() returns; the deadline is for a reply that was lost.
    Deadline deadline = Clock::now() + seconds(10);
    for (;;) {
        std::optional<Bytes> message = TRY(receive(deadline), operation);
        if (!message) return transient_error(operation, ": the kernel did not answer");
        nlmsghdr header;
        Uevent uevent;
        std::memcpy(&header, message->data(), sizeof header);
        std::memcpy(static_cast<void*>(&uevent), message->data() + NLMSG_HDRLEN, sizeof uevent);
        if (header.nlmsg_type == type) return uevent;
        events_.push_back(to_event(uevent, ByteView(*message).subspan(NLMSG_HDRLEN + sizeof uevent)));
    }
}

Result<LinuxIscsiTransport::Uevent> LinuxIscsiTransport::call(Uevent request, ReturnCode return_code,
                                                              const std::string& operation,
                                                              ByteView payload) {
    TRY(open(), operation);
    request.transport_handle = transport_handle_;
    TRY(transmit(request, operation, payload));
    Uevent reply = TRY(await_reply(request.type, operation));
    if (reply.type == kInterfaceError)
        return system_error(-static_cast<int32_t>(reply.interface_error), operation);
    if (return_code == ReturnCode::in_reply && reply.return_code != 0)
        return system_error(reply.return_code < 0 ? -reply.return_code : EIO, operation);
    return reply;
}

Result<IscsiSessionNumber> LinuxIscsiTransport::create_session(uint32_t initial_command_number,
                                                               uint16_t commands_max, uint16_t queue_depth) {
    Uevent request(kCreateSession);
    request.create_session = {initial_command_number, commands_max, queue_depth};
    return TRY(call(request, ReturnCode::none, "creating the iSCSI session")).session;
}

Result<> LinuxIscsiTransport::destroy_session(uint32_t session) {
    TRY(call({kDestroySession, {session, 0}}, ReturnCode::none,
             text("destroying the iSCSI session ", session)));
    return {};
}

Result<> LinuxIscsiTransport::create_connection(IscsiConnectionId connection) {
    TRY(call({kCreateConnection, connection}, ReturnCode::none,
             text("creating the connection of the iSCSI session ", connection.session)));
    return {};
}

Result<> LinuxIscsiTransport::destroy_connection(IscsiConnectionId connection) {
    TRY(call({kDestroyConnection, connection}, ReturnCode::none,
             text("destroying the connection of the iSCSI session ", connection.session)));
    return {};
}

Result<> LinuxIscsiTransport::bind_connection(IscsiConnectionId connection, int socket) {
    Uevent request(kBindConnection);
    request.bind = {connection, static_cast<uint64_t>(socket), 1};
    TRY(call(request, ReturnCode::in_reply,
             text("binding the connection of the iSCSI session ", connection.session)));
    return {};
}

Result<> LinuxIscsiTransport::set_parameter(IscsiConnectionId connection, IscsiParameter parameter,
                                            std::string_view value) {
    std::string terminated(value);
    terminated += '\0';
    Uevent request(kSetParameter);
    request.set_parameter = {connection, static_cast<uint32_t>(parameter),
                             static_cast<uint32_t>(terminated.size())};
    TRY(call(request, ReturnCode::none,
             text("setting ", iscsi_parameter_name(parameter), " of the iSCSI session ", connection.session),
             as_bytes(terminated)));
    return {};
}

Result<> LinuxIscsiTransport::start_connection(IscsiConnectionId connection) {
    TRY(call({kStartConnection, connection}, ReturnCode::in_reply,
             text("starting the connection of the iSCSI session ", connection.session)));
    return {};
}

Result<> LinuxIscsiTransport::stop_connection(IscsiConnectionId connection, IscsiStop stop) {
    Uevent request(kStopConnection);
    request.stop = {connection, 0, static_cast<uint32_t>(stop)};
    TRY(call(request, ReturnCode::none,
             text("stopping the connection of the iSCSI session ", connection.session)));
    return {};
}

Result<> LinuxIscsiTransport::send_pdu(IscsiConnectionId connection, ByteView header, ByteView data) {
    Uevent request(kSendPdu);
    request.send_pdu = {connection, static_cast<uint32_t>(header.size()), static_cast<uint32_t>(data.size())};
    Bytes payload(header.begin(), header.end());
    payload.insert(payload.end(), data.begin(), data.end());
    TRY(call(request, ReturnCode::in_reply, text("sending a PDU of the iSCSI session ", connection.session),
             payload));
    return {};
}

Result<std::optional<IscsiEvent>> LinuxIscsiTransport::next_event(Deadline deadline) {
    TRY(open());
    if (!events_.empty()) {
        IscsiEvent event = std::move(events_.front());
        events_.pop_front();
        return event;
    }
    std::optional<Bytes> message = TRY(receive(deadline));
    if (!message) return std::nullopt;
    Uevent uevent;
    std::memcpy(static_cast<void*>(&uevent), message->data() + NLMSG_HDRLEN, sizeof uevent);
    return to_event(uevent, ByteView(*message).subspan(NLMSG_HDRLEN + sizeof uevent));
}

} // namespace mangrove
