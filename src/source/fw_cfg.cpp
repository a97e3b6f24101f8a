#include <cerrno>

#include "source/source.h"

// The source `fw_cfg`: what QEMU was given as `-fw_cfg name=opt/mangrove/definition,file=…` (or `string=…`):
// the definition or a source. Documentation/ABI/testing/sysfs-firmware-qemu_fw_cfg of the kernel.

namespace mangrove {

Result<Found> find_in_fw_cfg(Search& search, const std::string&) {
    constexpr const char* kItem = "/sys/firmware/qemu_fw_cfg/by_name/opt/mangrove/definition/raw";
    System& system = search.boot.system;
    TRY(system.load_module("qemu_fw_cfg"));
    Result<std::string> text = system.read_file(kItem);
    if (!text && text.error().code == ENOENT)
        return permanent_error("QEMU was given no -fw_cfg name=opt/mangrove/definition,file=…");
    return follow(search, {TRY(std::move(text)), "the fw_cfg item opt/mangrove/definition"});
}

} // namespace mangrove
