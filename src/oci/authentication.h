#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

// The credentials of a registry's clients (RFC 9110, 11.6.1; "Token Authentication Specification" of
// Docker's registry).

namespace mangrove::oci {

/// Names the credential that a registry wants.
struct Challenge {
    bool is_basic = false; ///< the user's name and password; else a token of the realm
    std::string realm = {};
    std::string service = {};
    std::string scope = {};

    /// Returns the URL at which the token is asked for.
    std::string token_url() const;
};

/// Reads the values of WWW-Authenticate, with commas between several. Of several challenges the one for a
/// token is taken.
Result<Challenge> parse_challenge(std::string_view header);

struct Token {
    std::string value = {};
    std::chrono::seconds lifetime{60}; ///< where the server does not say it
};

/// Reads the answer of a server of tokens. An error does not quote it.
Result<Token> parse_token(std::string_view answer);

} // namespace mangrove::oci
