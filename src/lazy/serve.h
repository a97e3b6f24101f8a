#pragma once

#include <optional>

#include "lazy/source.h"
#include "machine/watched_connection.h"

namespace mangrove::lazy {

/// While the root is assembled a read fails after ten seconds without an answer; afterwards none ever does.
enum class Phase { assembly, root };

/// Gets the state whenever it has changed, and every few seconds.
using Tell = WatchedConnection::Tell;

/// Why the serving has ended: the kernel has let the connection go, what came over it cannot be understood,
/// or another process has taken over.
enum class ServingEnd { let_go, broken, taken_over };

/// Takes the device over from the process that serves it, dead or alive: that one does not touch the
/// connection any more. Nothing when it has died in the midst of a message, so that the connection is broken.
/// Reads that it has left are answered by `serve`.
std::optional<uint32_t> take_over(System& system, const SharedMemory& memory);

/// Answers the kernel's reads of the device, as the generation that `take_over` has returned.
ServingEnd serve(System& system, const Source& source, const SharedMemory& memory, const UniqueFd& connection,
                 uint32_t generation, Phase phase, const Tell& tell);

} // namespace mangrove::lazy
