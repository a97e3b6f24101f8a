#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "system/network.h"

namespace mangrove {

/// The parameters of a connection to an NVMe subsystem, each as the kernel takes it.
struct NvmeConnection {
    IpAddress address = {};
    uint16_t port = 4420;
    std::string subsystem = {};     ///< its NQN
    std::string host = {};          ///< our NQN
    std::string host_id = {};       ///< a UUID; belongs to `host` one to one
    std::string dhchap_secret = {}; ///< "DHHC-1:…"; empty for none
};

/// Returns the request to /dev/nvme-fabrics (drivers/nvme/host/fabrics.c). The controller never gives up,
/// because the root is on it.
std::string connect_request(const NvmeConnection& connection);

/// Returns the number of the controller in the answer, "instance=0,cntlid=1".
Result<unsigned> controller_number(const std::string& answer);

} // namespace mangrove
