#include "system/linux/mapping.h"

#include <cerrno>
#include <sys/mman.h>

namespace mangrove {

Result<std::shared_ptr<uint8_t>> map_file(const UniqueFd& file, uint64_t offset, size_t size,
                                          int protection) {
    void* start =
        ::mmap(nullptr, size, protection, MAP_SHARED | MAP_POPULATE, file.get(), static_cast<off_t>(offset));
    if (start == MAP_FAILED) return system_error(errno, "mapping");
    return std::shared_ptr<uint8_t>(static_cast<uint8_t*>(start), [size](void* at) { ::munmap(at, size); });
}

} // namespace mangrove
