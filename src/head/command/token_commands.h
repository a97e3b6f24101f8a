#pragma once

#include "head/command/call.h"

namespace mangrove::head {

/// Tokens for the API of mangrove-head. `add` prints the token, which is shown only then.
Outcome<> token_add(Call& call, const std::string& name, const std::string& role);
Outcome<> token_list(Call& call);
Outcome<> token_remove(Call& call, const std::string& name);

} // namespace mangrove::head
