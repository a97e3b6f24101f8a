#pragma once

#include <string>

#include "base/result.h"
#include "base/undo.h"
#include "boot/boot.h"
#include "definition/definition.h"

namespace mangrove {

/// Time limit for a device to answer: krbd, NVMe over TCP and a loop device over NFS wait for ever for a
/// server that is away. It covers a server that restarts, and the forty places that libblkid reads.
inline constexpr seconds kTimeToAnswer{60};

/// Attaches what the definition names and returns its block device ("/dev/sda"), ready to be mounted. Pushes
/// the steps that take it back to `undo`, also after a failure half way.
Result<std::string> attach(Boot& boot, const definition::Attachment& attachment, Undo& undo);

/// Detaches everything that the kernel has attached, whoever did it: for a machine that is about to end.
/// Nothing of it may be mounted any more. Logs a kind that fails and continues with the others.
void release_all(System& system);

/// Detaches what is behind a block device, of any kind, unless something uses another part of it. Nothing of
/// the device itself may be mounted any more.
Result<> release_device(System& system, const std::string& device);

/// Waits until a block device that the kernel has just made can be opened. Transient error if it does not
/// appear.
Result<> wait_for_device(System& system, const std::string& device);

/// Sets how many KiB the kernel reads ahead of whoever reads from a block device; a partition has that of its
/// disk. A failure is logged and ignored.
void set_readahead(System& system, const std::string& device, uint32_t readahead);

// One file a kind. A kind that lacks one of its two functions does not compile.

Result<std::string> attach(Boot& boot, const definition::Iscsi& wanted, Undo& undo);
Result<std::string> attach(Boot& boot, const definition::Rbd& wanted, Undo& undo);
Result<std::string> attach(Boot& boot, const definition::Nbd& wanted, Undo& undo);
Result<std::string> attach(Boot& boot, const definition::Http& wanted, Undo& undo);
Result<std::string> attach(Boot& boot, const definition::Nvme& wanted, Undo& undo);
Result<std::string> attach(Boot& boot, const definition::Loopback& wanted, Undo& undo);
Result<std::string> attach(Boot& boot, const definition::Local& wanted, Undo& undo);

/// The attachments of a kind: all, or the one that is behind a block device.
template <typename Kind>
struct Attached {
    std::string device = {}; ///< "/dev/sda"; empty: all

    bool includes(const std::string& other) const { return device.empty() || device == other; }
};

Result<> release(System& system, const Attached<definition::Iscsi>& chosen);
Result<> release(System& system, const Attached<definition::Rbd>& chosen);
Result<> release(System& system, const Attached<definition::Nbd>& chosen);
Result<> release(System& system, const Attached<definition::Http>& chosen);
Result<> release(System& system, const Attached<definition::Nvme>& chosen);
Result<> release(System& system, const Attached<definition::Loopback>& chosen);
Result<> release(System& system, const Attached<definition::Local>& chosen);

} // namespace mangrove
