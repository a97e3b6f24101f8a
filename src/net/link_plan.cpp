#include "net/link_plan.h"

#include <algorithm>
#include <functional>
#include <iterator>

#include "base/byte_order.h"

namespace mangrove {

static constexpr uint32_t kDhcpRouteMetric = 1024; // systemd.network(5), RouteMetric=

/// A gateway outside of the link's own network is reached through the link all the same.
static void set_gateway(Route& route, const IpAddress& gateway, const InterfaceAddress& own) {
    route.gateway = gateway;
    if (!is_in_same_network(own.peer.value_or(own.address), gateway, own.prefix_length))
        route.gateway_check = GatewayCheck::on_link;
}

LinkPlan plan_from_lease(const Lease& lease) {
    LinkPlan plan;
    plan.address.address = lease.address;
    plan.address.prefix_length = lease.prefix_length;
    plan.address.broadcast = lease.broadcast;
    plan.address.lifetime = lease.lifetime;
    auto is_direct = [](const ClasslessRoute& each) { return each.gateway.is_unspecified(); };
    // A gateway may be reached through a direct route that stands behind it in the option.
    std::vector<ClasslessRoute> wanted;
    std::ranges::copy_if(lease.routes, std::back_inserter(wanted), is_direct);
    std::ranges::copy_if(lease.routes, std::back_inserter(wanted), std::not_fn(is_direct));
    // All routers stand in for one another: the first is the preferred one (RFC 2132, 3.5).
    if (!lease.routers.empty()) wanted.push_back({IpAddress{}, 0, lease.routers.front()});
    for (const ClasslessRoute& each : wanted) {
        Route route;
        route.destination = each.destination;
        route.prefix_length = each.prefix_length;
        route.source = lease.address;
        route.metric = kDhcpRouteMetric;
        route.origin = RouteOrigin::dhcp;
        if (!is_direct(each)) set_gateway(route, each.gateway, plan.address);
        plan.routes.push_back(route);
    }
    return plan;
}

LinkPlan plan_from_argument(const FixedAddress& fixed) {
    LinkPlan plan;
    plan.address.address = fixed.address;
    plan.address.prefix_length = fixed.prefix_length;
    plan.address.peer = fixed.peer;
    bool is_v4 = fixed.address.family == IpAddress::Family::v4;
    if (is_v4 && !fixed.peer && fixed.prefix_length < 31) {
        IpAddress broadcast = fixed.address;
        uint8_t* bytes = broadcast.bytes.data();
        store_be32(bytes, load_be32(bytes) | 0xffffffffu >> fixed.prefix_length);
        plan.address.broadcast = broadcast;
    }
    if (!fixed.gateway) return plan;
    Route route;
    route.destination.family = fixed.address.family;
    set_gateway(route, *fixed.gateway, plan.address);
    plan.routes.push_back(route);
    return plan;
}

} // namespace mangrove
