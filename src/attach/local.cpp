#include <utility>

#include "attach/attach.h"
#include "attach/local_disk.h"
#include "base/log.h"

// The attachment `local`: a disk of the machine itself, by `path`, or by `label`, `uuid` or `partuuid` as
// blkid(8) shows them. The disks of `on` are attached first: it can be a partition of one of them.

namespace mangrove {

/// A controller of many disks, or of a network of them, needs about this long to show them after its module
/// was loaded.
static constexpr seconds kTimeForDisks{30};

/// Returns the device, or an empty string.
static Result<std::string> look_for(System& system, const DiskName& wanted,
                                    std::optional<milliseconds> time_to_answer) {
    auto look = [&]() -> Result<std::string> {
        if (wanted.path.empty()) return system.find_device(wanted.tag, wanted.value);
        return system.is_device_ready(wanted.path) ? wanted.path : std::string();
    };
    return time_to_answer ? system.run_bounded("looking for disks", *time_to_answer, look) : look();
}

Result<std::string> find_disk(Boot& boot, const DiskName& wanted, Deadline deadline,
                              std::optional<milliseconds> time_to_answer) {
    System& system = boot.system;
    // The devices that it is for can appear when those that were there have got their modules.
    if (Result<> loaded = system.load_module("sd_mod"); !loaded && loaded.error().code != 0)
        log_warning(loaded.error().what, ", ignoring");
    // Waits of others may have heard of them.
    if (boot.device_modules.are_ours()) TRY(boot.device_modules.load());
    for (;;) {
        bool is_last_look = system.now() >= deadline;
        std::string device = TRY(look_for(system, wanted, time_to_answer));
        if (!device.empty()) return device;
        if (is_last_look)
            return wanted.path.empty()
                       ? permanent_error("no block device with ", wanted.tag, "=", wanted.value)
                       : permanent_error(wanted.path, " not found");
        TRY(boot.device_modules.wait_for_late_devices(deadline));
    }
}

Result<std::string> attach(Boot& boot, const definition::Local& wanted, Undo& undo) {
    for (const definition::Attachment& disk : wanted.on)
        TRY(attach(boot, disk, undo));
    DiskName name = {.path = wanted.path};
    for (const auto& [tag, given] :
         {std::pair("LABEL", wanted.label), std::pair("UUID", wanted.uuid),
          std::pair("PARTUUID", wanted.partuuid), std::pair("PARTLABEL", wanted.partlabel)})
        if (!given.empty()) name = {.tag = tag, .value = given};
    return find_disk(boot, name, boot.system.now() + kTimeForDisks);
}

Result<> release(System&, const Attached<definition::Local>&) {
    return {}; // what it is on is of another kind
}

} // namespace mangrove
