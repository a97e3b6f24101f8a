#pragma once

#include <cstdint>
#include <ranges>

#include "system/clock.h"

namespace mangrove::lazy {

/// A read of the kernel's, whose place in the shared memory is `number`.
struct Read {
    size_t number = 0;
    uint64_t first = 0;
    uint64_t count = 0; ///< pieces
    Time since = {};
    bool is_admitted = false; ///< all its pieces are held

    auto pieces() const { return std::views::iota(first, first + count); }
};

} // namespace mangrove::lazy
