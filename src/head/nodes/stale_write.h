#pragma once

#include <cerrno>

#include "head/nodes/database.h"

namespace mangrove::head {

/// Compares the revision that a key has, 0 where it is missing, with the one that its writer has read.
inline Result<> check_expected(const Write& write, uint64_t found) {
    if (!write.expected || found == *write.expected) return {};
    Error error{.what = text(write.key,
                             found == 0             ? ": deleted meanwhile"
                             : *write.expected == 0 ? ": already exists"
                                                    : ": changed meanwhile by somebody else",
                             "; read it again"),
                .permanence = Permanence::permanent,
                .code = ESTALE};
    return std::unexpected(std::move(error));
}

} // namespace mangrove::head
