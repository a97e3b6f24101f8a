#pragma once

#include "net/ip_argument.h"
#include "net/lease.h"

namespace mangrove {

/// What a link is to be given.
struct LinkPlan {
    InterfaceAddress address;
    std::vector<Route> routes; ///< in the order to add them in
};

/// The address lives as long as the lease. Routes are as systemd-networkd makes them (origin, metric,
/// source), so that it takes them over instead of adding its own beside them.
LinkPlan plan_from_lease(const Lease& lease);
LinkPlan plan_from_argument(const FixedAddress& fixed);

} // namespace mangrove
