#include "system/linux/nbd_devices.h"

#include <cerrno>
#include <linux/genetlink.h>
#include <linux/nbd-netlink.h>
#include <sys/socket.h>

namespace mangrove {

/// The number of the family's only group, "nbd_mc_group", out of CTRL_ATTR_MCAST_GROUPS.
static uint32_t event_group(ByteView family) {
    std::optional<ByteView> groups = find_attribute(family, CTRL_ATTR_MCAST_GROUPS);
    std::optional<ByteView> first = groups ? find_attribute(*groups, 1) : std::nullopt;
    return first ? find_number(*first, CTRL_ATTR_MCAST_GRP_ID).value_or(0) : 0;
}

static Bytes socket_item(const UniqueFd& connection) {
    NetlinkAttributes item;
    item.add(NBD_SOCK_FD, static_cast<uint32_t>(connection.get()));
    return item.bytes();
}

Result<> LinuxNbdDevices::open() {
    if (family_ != 0) return {};
    constexpr std::string_view kOperation = "looking for the kernel's NBD netlink family";
    NetlinkSocket socket = TRY(NetlinkSocket::open(NETLINK_GENERIC, 0), kOperation);
    constexpr std::string_view kName("nbd\0", 4);
    NetlinkRequest request(GENL_ID_CTRL, 0);
    request.header(genlmsghdr{CTRL_CMD_GETFAMILY, 1, 0}).attribute(CTRL_ATTR_FAMILY_NAME, as_bytes(kName));
    NetlinkMessage answer = TRY(socket.ask(request, std::string(kOperation)));
    std::optional<ByteView> id = find_attribute(answer.attributes(sizeof(genlmsghdr)), CTRL_ATTR_FAMILY_ID);
    if (!id || id->size() != sizeof family_)
        return permanent_error(kOperation, ": the kernel sent no family");
    __builtin_memcpy(&family_, id->data(), sizeof family_);
    event_group_ = event_group(answer.attributes(sizeof(genlmsghdr)));
    socket_ = std::move(socket);
    return {};
}

Result<uint32_t> LinuxNbdDevices::connect(NbdDeviceRequest wanted) {
    TRY(listen());
    NetlinkAttributes sockets;
    for (const UniqueFd& connection : wanted.connections)
        sockets.add(NBD_SOCK_ITEM | NLA_F_NESTED, socket_item(connection));
    NetlinkRequest request(family_, 0);
    request.header(genlmsghdr{NBD_CMD_CONNECT, 1, 0})
        .attribute(NBD_ATTR_SIZE_BYTES, wanted.size)
        .attribute(NBD_ATTR_BLOCK_SIZE_BYTES, uint64_t{wanted.block_size})
        .attribute(NBD_ATTR_SERVER_FLAGS, uint64_t{wanted.server_flags});
    auto add_seconds = [&](uint16_t type, seconds duration) {
        if (duration.count() > 0) request.attribute(type, static_cast<uint64_t>(duration.count()));
    };
    add_seconds(NBD_ATTR_TIMEOUT, wanted.request_timeout);
    add_seconds(NBD_ATTR_DEAD_CONN_TIMEOUT, wanted.dead_timeout);
    request.attribute(NBD_ATTR_SOCKETS | NLA_F_NESTED, sockets.bytes());
    constexpr std::string_view kOperation = "connecting an NBD device";
    NetlinkMessage answer = TRY(socket_->ask(request, std::string(kOperation)));
    std::optional<uint32_t> device = find_number(answer.attributes(sizeof(genlmsghdr)), NBD_ATTR_INDEX);
    if (!device) return permanent_error(kOperation, ": the kernel sent no device");
    return *device;
}

Result<> LinuxNbdDevices::disconnect(uint32_t device) {
    TRY(open());
    NetlinkRequest request(family_, 0);
    request.header(genlmsghdr{NBD_CMD_DISCONNECT, 1, 0}).attribute(NBD_ATTR_INDEX, device);
    return socket_->execute(request, text("disconnecting /dev/nbd", device));
}

Result<> LinuxNbdDevices::set_dead_timeout(uint32_t device, seconds timeout) {
    TRY(open());
    NetlinkRequest request(family_, 0);
    request.header(genlmsghdr{NBD_CMD_RECONFIGURE, 1, 0})
        .attribute(NBD_ATTR_INDEX, device)
        .attribute(NBD_ATTR_DEAD_CONN_TIMEOUT, static_cast<uint64_t>(timeout.count()));
    return socket_->execute(request, text("setting the dead timeout of /dev/nbd", device));
}

Result<> LinuxNbdDevices::listen() {
    TRY(open());
    if (events_) return {};
    NetlinkSocket events = TRY(NetlinkSocket::open(NETLINK_GENERIC, 0));
    TRY(events.join(event_group_));
    events_ = std::move(events);
    return {};
}

Result<bool> LinuxNbdDevices::wait_for_dead_connection(uint32_t device, Deadline deadline) {
    TRY(listen());
    for (;;) {
        std::vector<NetlinkMessage> messages = TRY(events_->next(deadline));
        if (messages.empty()) return false;
        for (const NetlinkMessage& message : messages) {
            std::optional<genlmsghdr> head = message.header<genlmsghdr>();
            if (message.type == family_ && head && head->cmd == NBD_CMD_LINK_DEAD
                && find_number(message.attributes(sizeof *head), NBD_ATTR_INDEX) == device)
                return true;
        }
    }
}

Result<> LinuxNbdDevices::replace_dead(uint32_t device, UniqueFd connection) {
    TRY(open());
    NetlinkAttributes sockets;
    sockets.add(NBD_SOCK_ITEM | NLA_F_NESTED, socket_item(connection));
    NetlinkRequest request(family_, 0);
    request.header(genlmsghdr{NBD_CMD_RECONFIGURE, 1, 0})
        .attribute(NBD_ATTR_INDEX, device)
        .attribute(NBD_ATTR_SOCKETS | NLA_F_NESTED, sockets.bytes());
    return socket_->execute(request, text("reconnecting /dev/nbd", device));
}

Result<NbdSockets> LinuxNbdDevices::make_sockets() {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return system_error(errno, "making a pair of sockets");
    return NbdSockets{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void LinuxNbdDevices::hang_up(const UniqueFd& connection) {
    ::shutdown(connection.get(), SHUT_RDWR);
}

} // namespace mangrove
