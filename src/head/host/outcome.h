#pragma once

#include <expected>
#include <string>
#include <vector>

#include "base/result.h"

namespace mangrove::head {

/// The changes of a failed operation: rolled back, or still there.
struct Rollback {
    std::vector<std::string> undone = {};    ///< the steps that took one back, in their order
    std::vector<std::string> remaining = {}; ///< the change that stays, and why
};

struct Failed {
    Error error;
    Rollback rollback = {};

    Failed(Error cause) : error(std::move(cause)) {} // so that TRY passes an Error on
    Failed(Error cause, Rollback undoing) : error(std::move(cause)), rollback(std::move(undoing)) {}
};

/// The result of an operation that changes the host in several steps.
template <typename T = void>
using Outcome = std::expected<T, Failed>;

} // namespace mangrove::head

// TRY finds these where it finds those of Result.
namespace mangrove {

template <typename... Words>
head::Failed add_context(head::Failed failed, const Words&... words) {
    failed.error = add_context(std::move(failed.error), words...);
    return failed;
}

template <typename T>
T unwrap(head::Outcome<T>&& outcome) {
    if constexpr (!std::is_void_v<T>) return *std::move(outcome);
}

} // namespace mangrove
