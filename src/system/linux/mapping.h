#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "base/unique_fd.h"

namespace mangrove {

/// Maps a part of a file or device, shared and in place. `protection` is PROT_….
Result<std::shared_ptr<uint8_t>> map_file(const UniqueFd& file, uint64_t offset, size_t size, int protection);

} // namespace mangrove
