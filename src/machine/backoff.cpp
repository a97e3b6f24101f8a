#include "machine/backoff.h"

#include <algorithm>
#include <utility>

#include "base/byte_order.h"

namespace mangrove {

Result<milliseconds> part_of(System& system, milliseconds whole) {
    return whole * load_be32(TRY(system.random_bytes(4)).data()) / (int64_t{1} << 32);
}

Result<> Backoff::wait() {
    milliseconds half = std::exchange(pause_, std::min(pause_ * 2, longest_)) / 2;
    system_.sleep(half + TRY(part_of(system_, half)));
    return {};
}

} // namespace mangrove
