#include "machine/boot_id.h"

#include "machine/run_files.h"

namespace mangrove {

Result<std::string> boot_id(System& system) {
    bool is_soft = system.path_kind(kSoftBootId) != PathKind::missing;
    const char* path = is_soft ? kSoftBootId : "/proc/sys/kernel/random/boot_id";
    return std::string(trim(TRY(system.read_file(path))));
}

Result<std::string> new_boot_id(System& system) {
    Bytes bytes = TRY(system.random_bytes(16));
    bytes[6] = static_cast<uint8_t>(0x40 | (bytes[6] & 0x0f));
    bytes[8] = static_cast<uint8_t>(0x80 | (bytes[8] & 0x3f));
    std::string id = hex(bytes);
    for (size_t at : {size_t{20}, size_t{16}, size_t{12}, size_t{8}})
        id.insert(at, "-");
    return id;
}

} // namespace mangrove
