#pragma once

#include <span>
#include <string>
#include <string_view>

#include "system/system.h"

namespace mangrove {

/// Returns what these speakers ("rbd: ") have said in the kernel's log since it was `before`, as one line.
std::string kernel_words(System& system, const std::string& before,
                         std::span<const std::string_view> speakers);

} // namespace mangrove
