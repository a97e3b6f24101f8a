#pragma once

#include "head/serve/answers.h"

namespace mangrove::head {

/// Answers operators: GET /v1/status and /v1/nodes. `problem`: what keeps the table from being up to date.
Answer answer_operator(const BootTable& table, const std::string& problem, const Asked& asked);

} // namespace mangrove::head
