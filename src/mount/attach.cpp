#include <cerrno>
#include <sys/mount.h>
#include <utility>

#include "attach/attach.h"
#include "base/log.h"
#include "mount/flags.h"
#include "mount/mount.h"

// The mount `attach`: the file system on an attachment's block device. Reads `attach`, `fs_type`,
// `mount_options`.

namespace mangrove {

namespace {

void add_option(MountRequest& request, const std::string& option) {
    if (std::optional<unsigned long> flag = mount_flag(option))
        request.flags |= *flag;
    else
        request.options += request.options.empty() ? option : "," + option;
}

Result<std::string> find_type(System& system, const std::string& device) {
    Filesystem found = TRY(system.probe_filesystem(device));
    if (found.type.empty())
        return permanent_error("no known file system is on ", device,
                               "; name it in 'fs_type' if it is a rare one");
    return found.type;
}

} // namespace

Result<> mount_attach(System& system, const definition::Mount& mount, const std::string& target, Undo& undo) {
    const auto& wanted = std::get<definition::MountAttach>(mount.kind);
    std::string device = TRY(attach(system, wanted.attachment, undo));
    MountRequest request = {.source = device, .target = target, .type = wanted.fs_type};
    if (request.type.empty()) request.type = TRY(find_type(system, device));
    for (const std::string& option : wanted.mount_options)
        add_option(request, option);
    TRY(system.load_module("fs-" + request.type));
    Result<> mounted = mount_undoably(system, request, undo);
    if (mounted || mounted.error().code != EACCES || (request.flags & MS_RDONLY)) return mounted;
    // As mount(8) has it: a loop device and a snapshot are never to be written to.
    log_notice(device, " cannot be written to: mounting it read-only");
    request.flags |= MS_RDONLY;
    return mount_undoably(system, request, undo);
}

} // namespace mangrove
