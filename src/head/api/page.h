#pragma once

#include <optional>
#include <string>

#include "head/serve/answers.h"

namespace mangrove::head {

/// Answers with a file of the fleet page, which says nothing about this head node and needs no token. Nothing
/// for another path.
std::optional<Answer> page_answer(const Asked& asked, const std::string& path);

} // namespace mangrove::head
