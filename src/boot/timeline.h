#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "system/clock.h"

namespace mangrove {

/// One step of the boot, for its report. `depth` counts the steps that it is part of.
struct TimedStep {
    std::string name;
    unsigned depth = 0;
    Time start = {};
    Time end = {};
    std::string error = {}; ///< the whole chain; empty when it succeeded
    unsigned tries = 1;     ///< the attempt number
    uint64_t bytes = 0;     ///< fetched in it
};

/// A definition that could not be booted, and why the boot went on without it.
struct PassedOver {
    std::string definition;
    std::string error;

    bool operator==(const PassedOver&) const = default;
};

/// A device of the root that shows only what its root hash vouches for.
struct VerifiedDevice {
    std::string device; ///< "/dev/dm-0"
    std::string data;   ///< the device that it verifies
    std::string root_hash;
    bool restarts = false; ///< the machine, when a block is corrupted
};

/// The steps in the order of their start, and what became of the definitions.
struct Timeline {
    Time start = {};
    unsigned depth = 0;
    unsigned tries = 1; ///< of what is under way
    std::vector<TimedStep> steps = {};
    std::string origin = {};       ///< where the definition was found that is being booted
    std::string definition = {};   ///< its JSON, without the secrets; empty before it was read
    std::string keeper_error = {}; ///< why nobody keeps its connections
    std::vector<PassedOver> passed_over = {};
    std::string release = {}; ///< that the definition names
    bool is_fallback = false; ///< a fallback of the definition is being booted
    std::vector<VerifiedDevice> verified = {};
    std::string boot_id = {};       ///< empty: the kernel does not tell
    std::string served = {};        ///< mangrove.served= of the kernel's arguments
    bool is_soft = false;           ///< without a kernel
    bool takes_signed_only = false; ///< the initramfs has allowed signers
};

/// Adds to the bytes of the step that is under way.
inline void note_bytes(Timeline& timeline, uint64_t bytes) {
    auto step = std::ranges::find(timeline.steps.rbegin(), timeline.steps.rend(), Time(), &TimedStep::end);
    if (step != timeline.steps.rend()) step->bytes += bytes;
}

} // namespace mangrove
