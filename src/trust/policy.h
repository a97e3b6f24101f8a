#pragma once

#include <optional>
#include <string>
#include <vector>

#include "definition/definition.h"
#include "trust/allowed_signers.h"
#include "trust/envelope.h"

namespace mangrove::trust {

/// Where `mangrove initramfs --signers` puts the allowed signers. With this file there, a node boots signed
/// definitions only.
inline constexpr const char* kSignersPath = "/etc/mangrove/allowed_signers";
/// Beside it, what else belongs to the policy: {"built": "2027-03-01T12:00:00Z", "least_serial": 7}
inline constexpr const char* kPolicyPath = "/etc/mangrove/policy.json";

struct Policy {
    AllowedSigners allowed = {};
    std::chrono::sys_seconds built = {}; ///< when the initramfs was; no correct clock is before it
    uint64_t least_serial = 0;           ///< 0: definitions need no serial
};

/// Returns the contents of kPolicyPath.
std::string policy_text(const Policy& policy);
/// Reads both files.
Result<Policy> parse_policy(std::string_view allowed_signers, std::string_view policy);

/// The MAC addresses and the UUID of a machine, as definition::normalize_node has them.
using NodeNames = std::vector<std::string>;

/// A node's verdict on a definition.
struct Verdict {
    std::string signer = {}; ///< the principals of its key; empty: no allowed signer signed it
    std::vector<std::string> objections = {}; ///< for which it is refused, one sentence each
};

/// Judges a definition; one of the signatures must hold for its text. Without a machine, `nodes` is not
/// looked at.
Verdict judge(const Policy& policy, const definition::Definition& definition, std::string_view text,
              const std::vector<std::string>& signatures, const std::optional<NodeNames>& names,
              std::chrono::sys_seconds now);

/// Returns for how long, for which nodes and how far against replay a signature of the definition holds.
std::vector<std::string> describe_validity(const definition::Definition& definition);

/// Returns the places of a definition, of its fallbacks, too, from which a node could execute something that
/// no digest in the definition pins, one sentence each.
std::vector<std::string> unpinned_places(const definition::Definition& definition);

} // namespace mangrove::trust
