#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "trust/public_key.h"

namespace mangrove::trust {

/// The namespace of SSH signatures that are meant for Mangrove.
inline constexpr std::string_view kNamespace = "mangrove";

/// A signature as `ssh-keygen -Y sign` makes it (OpenSSH's PROTOCOL.sshsig).
struct SshSignature {
    PublicKey key = {};
    std::string name_space = {};
    std::string hash = {}; ///< "sha256" or "sha512"
    Bytes signature = {};  ///< as SSH sends it
};

/// Parses the text between BEGIN SSH SIGNATURE and END SSH SIGNATURE with these lines, or its base64 alone on
/// one line, as in a kernel argument.
Result<SshSignature> parse_ssh_signature(std::string_view written);

/// Checks that its key has signed `message` for Mangrove. Whose key it is, it does not say.
Result<> check_ssh_signature(const SshSignature& signature, std::string_view message);

/// Returns the base64 of a signature on one line.
std::string one_line(std::string_view written);

} // namespace mangrove::trust
