#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "boot/timeline.h"
#include "machine/device_modules.h"
#include "machine/watched_connection.h"
#include "net/bring_up.h"
#include "system/system.h"

namespace mangrove {

/// The state of one boot, from its first step to its last.
struct Boot {
    explicit Boot(System& seam) : system(seam) {}

    System& system;
    Timeline timeline; ///< what was done so far; `timed` adds to it
    DeviceModules device_modules{system};
    std::optional<NetworkConfiguration> network;                 ///< once a step needed it
    std::vector<std::shared_ptr<WatchedConnection>> connections; ///< for the keeper to watch
    std::string definition_digest;                               ///< SHA-256, 32 bytes
    std::string report_url;          ///< where a boot that fails says why; empty: nowhere
    std::vector<Resident> residents; ///< what else goes on beside the root
    std::optional<int> guard;        ///< the process that ends this boot when it hangs (boot/guard.h)
    std::string soft_id; ///< of the boot that follows without a kernel; empty: this is a boot with one
};

/// Runs `step` (returning a Result) and notes in the timeline when it began, when it ended and how. Of a boot
/// that tries for days, the first failures are kept and what succeeds in the end.
template <typename Step>
auto timed(Boot& boot, std::string name, Step step) {
    constexpr unsigned kTriesKept = 20;
    Timeline& timeline = boot.timeline;
    size_t index = timeline.steps.size();
    timeline.steps.push_back({.name = std::move(name),
                              .depth = timeline.depth++,
                              .start = boot.system.now(),
                              .tries = timeline.tries});
    auto result = step();
    timeline.depth--;
    timeline.steps[index].end = boot.system.now();
    if (!result && timeline.steps[index].tries > kTriesKept)
        timeline.steps.resize(index);
    else if (!result)
        timeline.steps[index].error = describe(result.error());
    return result;
}

} // namespace mangrove
