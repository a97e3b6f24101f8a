#pragma once

#include <string>

#include "base/result.h"
#include "machine/kernel_command_line.h"
#include "net/lease.h"
#include "source/iscsi_words.h"
#include "source/translation.h"

namespace mangrove {

// A command line that was written for dracut (dracut.cmdline(7)) or for the kernel's own NFS root
// (nfsroot.rst): `root=`, `netroot=`, `nfsroot=`, `rd.iscsi.…`, `rd.nvmf.…`.

/// The root in dracut's arguments: none, named by DHCP, or described.
enum class RootWords { none, dhcp, described };
/// Returns the root's kind; always `none` beside a `mangrove.definition=`.
RootWords root_words(const KernelCommandLine& command_line);

/// Returns the definition that a command line describes (`RootWords::described`), with the server and the
/// name of the node from `translation` when it leaves them to DHCP.
Result<std::string> definition_from_command_line(const KernelCommandLine& command_line,
                                                 Translation& translation);

/// Returns the disk that `root=` names (frame.h); nothing when it names none.
Json selected_disk(const KernelCommandLine& command_line);

IscsiSettings iscsi_settings(const KernelCommandLine& command_line);

/// Returns a translation with the values of a lease.
Translation translation_with(const Lease& lease);

/// Returns dracut's arguments that Mangrove reads. docs/dracut.md has a row for each, in this order.
const std::vector<KnownArgument>& dracut_arguments();

} // namespace mangrove
