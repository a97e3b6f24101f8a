#pragma once

#include <memory>

#include "boot/boot.h"
#include "definition/definition.h"
#include "lazy/disk_cache.h"
#include "lazy/source.h"

namespace mangrove {

/// Opens the disk that holds pieces of a file over restarts. Nothing where it cannot be used, which is said:
/// a boot goes on without it.
std::shared_ptr<const lazy::DiskFile> open_cache(Boot& boot, const definition::Http& wanted,
                                                 const lazy::Source& source, const lazy::SharedState& state);

} // namespace mangrove
