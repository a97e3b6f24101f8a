#pragma once

#include <string>

#include "base/result.h"
#include "base/undo.h"
#include "boot/boot.h"
#include "definition/definition.h"

namespace mangrove {

/// A device that gives only those blocks of another one for which a root hash vouches.
struct Verified {
    std::string device = {}; ///< "/dev/dm-0"
    std::string data = {};   ///< "/dev/sda"
    std::string number = {}; ///< of that: "8:0"
    std::string before = {}; ///< the kernel's log when it was made
    uint64_t root_block = 0; ///< of the hash device: the block that has the root hash
};

/// Puts dm-verity over a device that is attached. Pushes the steps that take it back to `undo`.
Result<Verified> verify(Boot& boot, const definition::Verity& wanted, const std::string& device, Undo& undo);

/// Returns `result`, or, where the kernel has found a corrupted block meanwhile, an error that names it.
Result<> explain_corruption(System& system, const Verified& verified, Result<> result);

} // namespace mangrove
