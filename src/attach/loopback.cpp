#include "attach/attach.h"
#include "base/log.h"
#include "mount/mount.h"

// The attachment `loopback`: a file as a loop device, read-only. The file lies in the initramfs (`base:
// root`) or in another mount (`base: mount`). Reads `path`, `base`, `mount`, `readPartitions`, `partition`,
// `direct_io`.

namespace mangrove {

static constexpr seconds kTimeForPartitions{10};
static constexpr seconds kTimeToDetach{5};

Result<std::string> attach(Boot& boot, const definition::Loopback& wanted, Undo& undo) {
    System& system = boot.system;
    std::string file = wanted.path.starts_with("/") ? wanted.path : "/" + wanted.path;
    std::string root;
    if (wanted.base == definition::Base::mount) root = TRY(mount_layer(boot, *wanted.mount, undo));
    TRY(system.load_module("loop"));
    std::string device =
        TRY(system.run_bounded("attaching " + file, kTimeToAnswer, [&]() -> Result<std::string> {
            LoopRequest request = {.file = root.empty() ? file : TRY(system.resolve_in_root(root, file)),
                                   .access = Access::read_only,
                                   .direct_io = wanted.direct_io,
                                   .scan_partitions = wanted.read_partitions || wanted.partition > 0};
            return system.attach_loop(request);
        }));
    std::string detaching = "detaching " + device;
    undo.push(detaching, [&system, device, detaching] {
        return run_bounded(system, detaching, kTimeToDetach, [&] { return system.detach_loop(device); });
    });
    if (wanted.partition == 0) return device;
    std::string partition = text(device, "p", wanted.partition);
    bool appeared = TRY(wait_until(system, system.now() + kTimeForPartitions,
                                   [&] { return system.path_kind(partition) == PathKind::block_device; }));
    if (!appeared) return permanent_error(file, " has no partition ", wanted.partition);
    return partition;
}

Result<> release(System& system, const Attached<definition::Loopback>& chosen) {
    for (const std::string& name : TRY(system.list_directory("/sys/block")))
        // Only a loop device that has a file has this directory.
        if (chosen.includes("/dev/" + name)
            && system.path_kind(text("/sys/block/", name, "/loop")) == PathKind::directory)
            TRY(system.detach_loop("/dev/" + name));
    return {};
}

} // namespace mangrove
