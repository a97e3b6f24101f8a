#pragma once

#include <optional>
#include <string>

#include "oci/artifact.h"
#include "oci/authentication.h"
#include "oci/reference.h"
#include "system/clock.h"
#include "system/ranges.h"

namespace mangrove::lazy {

inline constexpr unsigned kUnauthorized = 401;
/// The longest manifest, or answer of a server of tokens.
inline constexpr size_t kLongestAnswer = 256 << 10;

/// A request to a registry besides those for parts of the file: for the manifest of the artifact, or for a
/// token, to its server of tokens.
enum class Question { none, manifest, token };

/// Returns what tells the credential of a request from another one.
std::string credential_of(const RangeRequest& request);

/// Fails unless it is a whole answer of the status 200.
Result<> check_answer(const RangeHead& head, ByteView body);

/// Returns the layer of a manifest that is the image's file; fails where its digest is another one.
Result<oci::Layer> image_in_manifest(const std::string& digest, ByteView manifest);

/// A registry, as far as it is known.
struct Registry {
    oci::Reference artifact = {};
    std::string blob = {}; ///< the digest of the image's file; empty: not known yet
    uint64_t size = 0;     ///< of that file
    std::optional<oci::Challenge> challenge = {};
    std::string token = {};
    Time renewal = {};            ///< another token is asked for from then on
    Time expiry = {};             ///< of the token
    bool is_token_proven = false; ///< it was good for something
    bool is_renewing = false;
    std::vector<IpAddress> addresses = {}; ///< of the server of tokens

    /// Returns the path of the manifest or, once that is known, of the file.
    std::string path() const;
    /// Returns the name of the server of tokens in messages.
    std::string realm() const;
    Question question(Time now) const;
    /// True when the token ends soon and nobody has asked for another one.
    bool needs_renewal(Time now) const;
    bool wants_password() const { return challenge && challenge->is_basic; }
    Result<> take_challenge(const std::string& header, const std::string& credential);
    Result<> take_token(const Ranges::End& end, ByteView body, Time now);
};

} // namespace mangrove::lazy
