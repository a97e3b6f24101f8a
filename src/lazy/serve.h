#pragma once

#include <optional>

#include "lazy/fetches.h"
#include "lazy/kernel_reads.h"

namespace mangrove::lazy {

/// Takes the device over from the process that serves it, dead or alive: that one does not touch the
/// connection any more. Nothing when it has died in the midst of a message, so that the connection is broken.
/// Reads that it has left are answered by `serve`.
std::optional<uint32_t> take_over(System& system, const SharedMemory& memory);

/// Answers the kernel's reads of the device, as the generation that `take_over` has returned.
ServingEnd serve(System& system, const Source& source, const SharedMemory& memory, KernelChannel& channel,
                 uint32_t generation, Phase phase, const Tell& tell);

} // namespace mangrove::lazy
