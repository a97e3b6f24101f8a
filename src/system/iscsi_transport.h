#pragma once

#include "base/result.h"

namespace mangrove {

/// The seam to the kernel's iSCSI initiator: NETLINK_ISCSI (include/scsi/iscsi_if.h), one method a uevent.
class IscsiTransport {
  public:
    virtual ~IscsiTransport() = default;
};

} // namespace mangrove
