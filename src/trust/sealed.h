#pragma once

#include <string>

#include "base/result.h"

/// A text that only the owner of a key reads and nobody can change (libsodium's secretbox). A key is for one
/// text alone: there is no nonce.
namespace mangrove::trust {

inline constexpr size_t kSealKeySize = 32;

/// `key` has kSealKeySize bytes.
std::string seal(std::string_view key, std::string_view plain);
Result<std::string> unseal(std::string_view key, std::string_view sealed);

} // namespace mangrove::trust
