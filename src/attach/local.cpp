#include <tuple>
#include <utility>

#include "attach/attach.h"
#include "base/log.h"

// The attachment `local`: a disk of the machine itself, by `path`, or by `label`, `uuid` or `partuuid` as
// blkid(8) shows them. The disks of `on` are attached first: it can be a partition of one of them.

namespace mangrove {

/// A controller of many disks, or of a network of them, needs about this long to show them after its module
/// was loaded.
static constexpr seconds kTimeForDisks{30};

Result<std::string> attach(Boot& boot, const definition::Local& wanted, Undo& undo) {
    System& system = boot.system;
    for (const definition::Attachment& disk : wanted.on)
        TRY(attach(boot, disk, undo));
    Deadline deadline = system.now() + kTimeForDisks;
    // The devices that it is for can appear when those that were there have got their modules.
    if (Result<> loaded = system.load_module("sd_mod"); !loaded && loaded.error().code != 0)
        log_warning(loaded.error().what, ", ignoring");
    // Waits of others may have heard of them.
    if (boot.device_modules.are_ours()) TRY(boot.device_modules.load());
    bool is_named = !wanted.path.empty();
    std::string tag, value;
    for (const auto& [name, given] :
         {std::pair("LABEL", wanted.label), std::pair("UUID", wanted.uuid),
          std::pair("PARTUUID", wanted.partuuid), std::pair("PARTLABEL", wanted.partlabel)})
        if (!given.empty()) std::tie(tag, value) = std::pair(name, given);
    for (;;) {
        bool is_last_look = system.now() >= deadline;
        if (is_named && system.is_device_ready(wanted.path)) return wanted.path;
        std::string device = is_named ? "" : TRY(system.find_device(tag, value));
        if (!device.empty()) return device;
        if (is_last_look)
            return is_named ? permanent_error(wanted.path, " not found")
                            : permanent_error("no block device with ", tag, "=", value);
        TRY(boot.device_modules.wait_for_late_devices(deadline));
    }
}

Result<> release(System&, const Attached<definition::Local>&) {
    return {}; // what it is on is of another kind
}

} // namespace mangrove
