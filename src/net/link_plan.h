#pragma once

#include "net/ip_argument.h"
#include "net/lease.h"

namespace mangrove {

/// The addresses and routes that a link is to get.
struct LinkPlan {
    InterfaceAddress address;
    std::vector<Route> routes; ///< in the order to add them in
};

/// Returns the plan for a lease. The address lives as long as the lease. Routes have systemd-networkd's form
/// (origin, metric, source), so that it takes them over instead of adding its own.
LinkPlan plan_from_lease(const Lease& lease);
LinkPlan plan_from_argument(const FixedAddress& fixed);

} // namespace mangrove
