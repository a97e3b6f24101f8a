#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mangrove::trust {

/// A public key of SSH: ssh-ed25519 (RFC 8709), ecdsa-sha2-nistp256 (RFC 5656), or one of a hardware key
/// (sk-…@openssh.com, OpenSSH's PROTOCOL.u2f).
struct PublicKey {
    enum class Curve { ed25519, p256 };
    std::string type = {};
    Curve curve = Curve::ed25519;
    bool is_on_hardware = false;
    Bytes point = {};
    std::string application = {}; ///< of a hardware key
    Bytes blob = {};              ///< the key as SSH sends it

    /// Returns "SHA256:…", as ssh-keygen -l prints it.
    std::string fingerprint() const;
};

/// Parses a key as SSH sends it.
Result<PublicKey> parse_public_key(ByteView blob);

/// Checks a signature as SSH sends it, of `message`. One of a hardware key must say that somebody touched the
/// key.
Result<> check_signature(const PublicKey& key, ByteView signature, ByteView message);

/// Returns the digest; `name` is "sha256" or "sha512". Empty for other names.
Bytes digest_of(std::string_view name, ByteView message);

} // namespace mangrove::trust
