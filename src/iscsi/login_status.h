#pragma once

#include "base/result.h"
#include "iscsi/login.h"
#include "iscsi/pdu.h"

/// The status of a login response, RFC 7143 section 11.13.5.
namespace mangrove::iscsi {

constexpr uint8_t kStatusSuccess = 0;
constexpr uint8_t kStatusRedirected = 1;

/// Why the target refused, in words: "authentication failed (0201)". With a hint when it wants an
/// authentication and there was none. Transient for the target's own errors (class 3).
Error refusal(const LoginResponse& response, bool has_chap);

/// The portal that a response of status class 1 names in its text.
Result<Redirect> parse_redirect(const LoginResponse& response, ByteView data);

} // namespace mangrove::iscsi
