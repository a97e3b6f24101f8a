#include "attach/served_device.h"

namespace mangrove {

static Result<> load(System& system, std::initializer_list<const char*> modules) {
    for (const char* module : modules)
        TRY(system.load_module(module));
    return {};
}

Result<OpenServedDevice> choose_driver(System& system) {
    Result<> nbd = load(system, {"nbd"});
    if (nbd) return open_served_nbd;
    Result<> loop = load(system, {"fuse", "loop"});
    if (loop) return open_served_loop;
    Result<> ublk = load(system, {"ublk_drv"});
    if (ublk) return open_served_ublk;
    return permanent_error(
        "http: this kernel has neither nbd nor fuse and loop nor ublk, through which the file becomes "
        "a block device (",
        nbd.error().what, "; ", loop.error().what, "; ", ublk.error().what,
        "); use a kernel with CONFIG_BLK_DEV_NBD, with CONFIG_FUSE_FS and CONFIG_BLK_DEV_LOOP, "
        "or with CONFIG_BLK_DEV_UBLK, or mount the file whole with 'uri'");
}

} // namespace mangrove
