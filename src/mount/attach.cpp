#include <cerrno>
#include <sys/mount.h>
#include <utility>

#include "attach/attach.h"
#include "attach/squashfs_tables.h"
#include "attach/verity.h"
#include "base/log.h"
#include "mount/flags.h"
#include "mount/mount.h"

// The mount `attach`: the file system on an attachment's block device. Reads `attach`, `verity`, `tables`,
// `fs_type`, `mount_options` and `readahead`.

namespace mangrove {

namespace {

/// The kernel has no limit of its own. A journal has to be read and written back first: the largest that
/// mke2fs makes by itself, 1 GiB, takes 90 s at 100 Mb/s one way.
constexpr std::chrono::minutes kTimeToMount{5};

void add_option(MountRequest& request, const std::string& option) {
    if (std::optional<unsigned long> flag = mount_flag(option))
        request.flags |= *flag;
    else
        request.options += request.options.empty() ? option : "," + option;
}

Result<std::string> find_type(System& system, const std::string& device) {
    Filesystem found = TRY(system.probe_filesystem(device));
    if (found.type.empty())
        return permanent_error(device, ": no known file system; set 'fs_type' to its type");
    return found.type;
}

/// The type that the definition names, or that is found. Either way the device has answered.
Result<std::string> ask_type(System& system, const std::string& device, const std::string& wanted) {
    Result<std::string> type = wanted;
    if (wanted.empty())
        type =
            system.run_bounded("probing " + device, kTimeToAnswer, [&] { return find_type(system, device); });
    else if (Result<> answer = system.ask_storage(device, kTimeToAnswer);
             !answer && answer.error().code == ETIMEDOUT)
        type = std::unexpected(answer.error());
    if (!type && type.error().code == ETIMEDOUT)
        return transient_error(device, " does not answer (", type.error().what, ")");
    return type;
}

} // namespace

/// Mounts the file system on a device that is attached.
static Result<> mount_on(System& system, const definition::MountAttach& wanted, const std::string& device,
                         const std::string& target, unsigned long flags, Undo& undo) {
    MountRequest request = {.source = device,
                            .target = target,
                            .type = TRY(ask_type(system, device, wanted.fs_type)),
                            .flags = flags,
                            .time_limit = kTimeToMount};
    for (const std::string& option : wanted.mount_options)
        add_option(request, option);
    TRY(system.load_module("fs-" + request.type));
    Result<> mounted = mount_device(system, request, undo);
    if (mounted || mounted.error().code != EACCES || (request.flags & MS_RDONLY)) return mounted;
    // As mount(8) has it: a loop device and a snapshot are never to be written to.
    log_notice(device, " is not writable: mounting it read-only");
    request.flags |= MS_RDONLY;
    return mount_device(system, request, undo);
}

/// Mounts the file system on the last of these devices, each of which is over the one before.
static Result<> mount_last(Boot& boot, const definition::MountAttach& wanted,
                           std::vector<std::string> devices, const std::string& target, unsigned long flags,
                           Undo& undo) {
    if (wanted.tables == definition::Tables::memory) {
        std::string doing = "reading the tables of the squashfs on " + devices.back();
        devices.push_back(
            TRY(timed(boot, doing, [&] { return hold_squashfs_tables(boot, devices.back(), undo); }), doing));
    }
    // The kernel reads a device without readahead page by page, so this comes last.
    for (const std::string& device : devices)
        if (wanted.readahead) set_readahead(boot.system, device, *wanted.readahead);
    return mount_on(boot.system, wanted, devices.back(), target, flags, undo);
}

Result<> mount(Boot& boot, const definition::MountAttach& wanted, const std::string& target,
               unsigned long flags, Undo& undo) {
    std::string device = TRY(attach(boot, wanted.attachment, undo));
    if (!wanted.verity) return mount_last(boot, wanted, {device}, target, flags, undo);
    std::string doing = "covering " + device + " with dm-verity";
    Verified verified =
        TRY(timed(boot, doing, [&] { return verify(boot, *wanted.verity, device, undo); }), doing);
    return explain_corruption(boot.system, verified,
                              mount_last(boot, wanted, {device, verified.device}, target, flags, undo));
}

} // namespace mangrove
