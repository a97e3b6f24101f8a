#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trust/ssh_signature.h"

namespace mangrove::trust {

/// One line of a file of allowed signers.
struct Signer {
    std::string principals = {};
    PublicKey key = {};
    std::string namespaces = {}; ///< a list of patterns; empty: every namespace
    std::optional<std::chrono::sys_seconds> valid_after = {};
    std::optional<std::chrono::sys_seconds> valid_before = {};
};

struct AllowedSigners {
    std::vector<Signer> signers = {};
    std::vector<std::string> problems = {}; ///< "line 3: …": lines that count for nothing
};

/// Parses a file of allowed signers, as ssh-keygen(1) has it. Times without Z are UTC, too. Certificate
/// authorities, and keys of other types than those of public_key.h, are problems.
AllowedSigners parse_allowed_signers(std::string_view written);

/// Returns the principals whose key has made the signature and may do so for Mangrove at this time.
Result<std::string> find_signer(const AllowedSigners& allowed, const PublicKey& key,
                                std::chrono::sys_seconds now);

} // namespace mangrove::trust
