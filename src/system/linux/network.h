#pragma once

#include <deque>
#include <map>

#include "system/linux/dhcp6_socket.h"
#include "system/linux/dhcp_socket.h"
#include "system/linux/netlink.h"
#include "system/linux/udev_links.h"
#include "system/network.h"

namespace mangrove {

/// The one that names the devices. Links that udev has not finished with do not exist yet.
enum class DeviceManager { kernel, udev };

/// The kernel's own, over rtnetlink(7) and packet(7). Belongs to the network namespace of its first call.
class LinuxNetwork : public Network {
  public:
    explicit LinuxNetwork(DeviceManager manager = DeviceManager::kernel) : manager_(manager) {}

    Result<std::vector<Link>> links() override;
    Result<> set_link_state(const Link& link, LinkState state) override;
    Result<> set_mtu(const Link& link, uint32_t bytes) override;
    Result<> set_mac(const Link& link, const MacAddress& mac) override;
    Result<> rename_link(const Link& link, const std::string& name) override;
    Result<> add_vlan(const std::string& name, const Link& parent, uint16_t id) override;
    Result<> remove_link(const std::string& name) override;
    Result<std::vector<InterfaceAddress>> addresses(const Link& link) override;
    Result<> add_address(const Link& link, const InterfaceAddress& address) override;
    Result<> remove_address(const Link& link, const InterfaceAddress& address) override;
    Result<> add_route(const Link& link, const Route& route) override;
    Result<> open_dhcp(const Link& link) override;
    void close_dhcp(const Link& link) override;
    Result<> send_dhcp(const Link& link, ByteView message) override;
    Result<> open_dhcp6(const Link& link) override;
    void close_dhcp6(const Link& link) override;
    Result<> send_dhcp6(const Link& link, ByteView message) override;
    Result<std::optional<NetworkEvent>> wait(Deadline deadline) override;
    Result<UniqueFd> connect_tcp(const IpAddress& address, uint16_t port, Deadline deadline) override;
    Result<Bytes> receive(const UniqueFd& connection, size_t count, Deadline deadline) override;
    Result<> send(const UniqueFd& connection, ByteView bytes, Deadline deadline) override;
    Result<std::vector<IpAddress>> resolve(const std::string& name) override;

  private:
    Result<> open();
    Result<> execute(const NetlinkRequest& request, const std::string& operation);
    /// Takes the options of routers that are there now into `advertised_`.
    Result<> take_advertisements();
    /// Returns an event that has arrived already; does not wait.
    Result<std::optional<NetworkEvent>> take_event();

    DeviceManager manager_;
    std::optional<UdevLinks> udev_;
    std::optional<NetlinkSocket> requests_;
    std::optional<NetlinkSocket> events_;
    std::optional<NetlinkSocket> advertisements_;
    std::deque<NetworkEvent> advertised_;
    std::map<int, DhcpSocket> dhcp_sockets_; ///< by the link's index
    std::map<int, Dhcp6Socket> dhcp6_sockets_;
};

} // namespace mangrove
