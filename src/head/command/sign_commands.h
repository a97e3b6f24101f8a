#pragma once

#include <filesystem>
#include <string>

#include "head/command/call.h"
#include "head/operations/signing.h"
#include "head/publish/record.h"
#include "trust/check_command.h"

namespace mangrove::head {

struct SignRequest {
    std::filesystem::path file = {};
    std::string key = {}; ///< a private key, or the public one of a key in ssh-agent; empty: the user's own
    std::string publication = {}; ///< mangrove-head serves its nodes the signed definition; empty: none
    std::string form = "file";    ///< or "envelope", "argument": printed, instead of a file beside it
};

/// How publications and releases are signed.
struct Signing {
    std::string key = {}; ///< as in SignRequest
    Validity validity = {};
};

/// Has ssh-keygen sign a definition, and checks the signature as a node does. Notes the key, and warns
/// where nodes would refuse the definition.
Result<trust::Envelope> make_envelope(Call& call, const std::string& definition, const std::string& key);

/// Has mangrove-head serve a signed definition to the nodes of a publication.
Result<> keep_envelope(const Call& call, const Record& publication, const trust::Envelope& envelope);

/// Signs what the nodes of a release boot, with the files of `nodes`.
Outcome<> release_sign(Call& call, const std::string& reference, const std::string& nodes,
                       const Signing& signing);

/// Signs a definition for Mangrove.
Outcome<> sign(Call& call, const SignRequest& request);

/// Prints whether nodes with these signers boot the definition; an error where they do not.
Outcome<> verify(Call& call, const trust::CheckRequest& request);

} // namespace mangrove::head
