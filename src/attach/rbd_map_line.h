#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "definition/definition.h"
#include "system/network.h"

namespace mangrove {

struct MonitorAddress {
    IpAddress address;
    uint16_t port = 0;
};

/// Returns the port of a monitor without one: 3300 for the second version of Ceph's protocol (`ms_mode`),
/// else 6789.
uint16_t default_monitor_port(const definition::Rbd& wanted);

/// Returns the name of the key in the kernel's keyring, "client.admin".
std::string rbd_key_name(const definition::Rbd& wanted);

/// Returns how long krbd waits for the monitors (`mount_timeout`; 0 there means for ever, here a year).
seconds rbd_monitor_timeout(const definition::Rbd& wanted);

/// Returns the line that krbd takes (Documentation/ABI/testing/sysfs-bus-rbd): monitors, options, pool,
/// image, snapshot. Fails when it is longer than a page.
Result<std::string> rbd_map_line(const definition::Rbd& wanted, const std::vector<MonitorAddress>& monitors);

/// Returns the names of the features in a mask of RBD, "journaling, migrating".
std::string rbd_feature_names(uint64_t mask);

} // namespace mangrove
