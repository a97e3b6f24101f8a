#pragma once

#include "base/result.h"
#include "iscsi/login.h"
#include "iscsi/pdu.h"

/// The status of a login response, RFC 7143 section 11.13.5.
namespace mangrove::iscsi {

constexpr uint8_t kStatusSuccess = 0;
constexpr uint8_t kStatusRedirected = 1;

/// Returns the target's refusal in words: "authentication failed (0201)". Adds a hint when the target wants
/// an authentication and the definition has none. Transient for the target's own errors (class 3).
Error refusal(const LoginResponse& response, bool has_chap);

/// Returns the portal in the text of a response of status class 1.
Result<Redirect> parse_redirect(const LoginResponse& response, ByteView data);

} // namespace mangrove::iscsi
