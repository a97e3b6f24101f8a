#pragma once

#include <memory>

#include "lazy/shared.h"

namespace mangrove::lazy {

/// Memory of this process, as System::share_memory gives it.
inline SharedMemory memory_of(size_t slots) {
    return {std::shared_ptr<uint8_t>(new uint8_t[SharedMemory::size_for(slots)](),
                                     std::default_delete<uint8_t[]>()),
            slots};
}

} // namespace mangrove::lazy
