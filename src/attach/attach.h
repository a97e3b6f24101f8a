#pragma once

#include <string>

#include "base/result.h"
#include "base/undo.h"
#include "definition/definition.h"
#include "system/system.h"

namespace mangrove {

/// Time limit for a device to answer: krbd, NVMe over TCP and a loop device over NFS wait for ever for a
/// server that is away. It covers a server that restarts, and the forty places that libblkid reads.
inline constexpr seconds kTimeToAnswer{60};

/// Attaches what the definition names and returns its block device ("/dev/sda"), ready to be mounted. Pushes
/// the steps that take it back to `undo`, also after a failure half way.
Result<std::string> attach(System& system, const definition::Attachment& attachment, Undo& undo);

/// Detaches everything that the kernel has attached, whoever did it: for a machine that is about to end.
/// Nothing of it may be mounted any more. Logs a kind that fails and continues with the others.
void release_all(System& system);

/// One file a kind; the table in attach.cpp lists them.
Result<std::string> attach_iscsi(System& system, const definition::Attachment& attachment, Undo& undo);
Result<std::string> attach_loopback(System& system, const definition::Attachment& attachment, Undo& undo);
Result<std::string> attach_rbd(System& system, const definition::Attachment& attachment, Undo& undo);
Result<std::string> attach_nbd(System& system, const definition::Attachment& attachment, Undo& undo);
Result<std::string> attach_nvme(System& system, const definition::Attachment& attachment, Undo& undo);
Result<std::string> attach_local(System& system, const definition::Attachment& attachment, Undo& undo);

Result<> release_iscsi(System& system);
Result<> release_rbd(System& system);
Result<> release_nbd(System& system);
Result<> release_nvme(System& system);
Result<> release_loopback(System& system);

} // namespace mangrove
