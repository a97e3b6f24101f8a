#pragma once

#include "head/image/image_kernels.h"
#include "head/image/pack.h"

namespace mangrove::head {

/// An error where the kernel cannot mount what would be packed so, with what it can mount. The kernel's
/// configuration says it (boot/config-VERSION, lib/modules/VERSION/config) or its modules; where neither
/// does, there is no error.
Result<> check_kernel_support(const Kernel& kernel, const Packing& packing);

/// Returns whether the kernel has dm-verity, by the same files.
bool can_verify(const Kernel& kernel);

} // namespace mangrove::head
