#pragma once

#include "head/serve/answers.h"

namespace mangrove::head {

struct ServiceState {
    std::string problem;   ///< why the table is not up to date; empty: it is
    uint64_t deferred = 0; ///< requests of nodes that had to wait since the start
};

/// Answers operators: GET /v1/status, /v1/nodes and /v1/nodes/NAME.
Answer answer_operator(const BootTable& table, const ServiceState& state, const Asked& asked);

} // namespace mangrove::head
