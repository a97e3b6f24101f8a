#include "attach/attach.h"
#include "base/log.h"
#include "system/device_modules.h"

// The attachment `local`: a disk of the machine itself, by `path`, or by `label`, `uuid` or `partuuid` as
// blkid(8) shows them.

namespace mangrove {

/// A controller of many disks, or of a network of them, needs about this long to show them after its module
/// was loaded.
static constexpr seconds kTimeForDisks{30};

Result<std::string> attach_local(System& system, const definition::Attachment& attachment, Undo&) {
    const auto& wanted = std::get<definition::Local>(attachment.kind);
    Deadline deadline = system.now() + kTimeForDisks;
    // The devices that it is for can appear when those that were there have got their modules.
    if (Result<> loaded = system.load_module("sd_mod"); !loaded && loaded.error().code != 0)
        log_warning(loaded.error().what, ", ignoring");
    // Waits of others may have heard of them.
    if (loads_device_modules(system)) TRY(load_device_modules(system));
    bool is_named = !wanted.path.empty();
    std::string tag = !wanted.label.empty() ? "LABEL" : !wanted.uuid.empty() ? "UUID" : "PARTUUID";
    const std::string& value = !wanted.label.empty()  ? wanted.label
                               : !wanted.uuid.empty() ? wanted.uuid
                                                      : wanted.partuuid;
    for (;;) {
        bool is_last_look = system.now() >= deadline;
        if (is_named && system.is_device_ready(wanted.path)) return wanted.path;
        std::string device = is_named ? "" : TRY(system.find_device(tag, value));
        if (!device.empty()) return device;
        if (is_last_look)
            return is_named ? permanent_error("there is no ", wanted.path)
                            : permanent_error("no block device has ", tag, "=", value);
        TRY(wait_for_late_devices(system, deadline));
    }
}

} // namespace mangrove
