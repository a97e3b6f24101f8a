#include "system/linux/wait.h"

#include <algorithm>
#include <cerrno>

namespace mangrove {

Result<bool> wait_for_any(std::span<pollfd> descriptors, Deadline deadline) {
    for (;;) {
        // Rounded up: a wait that ends early would make its caller spin until the deadline.
        auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
        auto timeout =
            std::clamp<milliseconds::rep>(left.count(), 0, std::chrono::hours(1) / milliseconds(1));
        int ready = ::poll(descriptors.data(), descriptors.size(), static_cast<int>(timeout));
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return system_error(errno, "poll");
        if (Clock::now() >= deadline) return false;
    }
}

} // namespace mangrove
