#pragma once

#include <optional>
#include <string>
#include <vector>

#include "trust/policy.h"

namespace mangrove::trust {

/// A question to which a machine with a file of allowed signers knows the answer: would a node boot this?
struct CheckRequest {
    std::string file = {};               ///< the definition, or an envelope; "-": standard input
    std::string signers = {};            ///< the file of allowed signers
    std::string signature = {};          ///< a file; empty: that of the envelope, else FILE.sig
    std::vector<std::string> nodes = {}; ///< MAC addresses and the UUID of the node; empty: any node
    uint64_t least_serial = 0;           ///< as the initramfs was built with
};

struct Checked {
    Verdict verdict = {};
    std::vector<std::string> validity = {}; ///< see describe_validity
};

/// Judges the definition as a node does, at this time.
Result<Checked> check_file(const CheckRequest& request);

/// Runs the subcommand `check`. Returns 0 for a definition that a node boots, 1 for another one, 2 for wrong
/// arguments.
int run_check(const std::vector<std::string>& arguments);

} // namespace mangrove::trust
