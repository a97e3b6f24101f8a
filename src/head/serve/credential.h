#pragma once

#include <string>

#include "base/result.h"

/// Definitions that only one TPM can read: credential activation (TCG, "Trusted Platform Module Library",
/// part 1, 24, and part 3, TPM2_MakeCredential).
namespace mangrove::head {

/// The public areas (TPMT_PUBLIC) of two keys that a node says are in its TPM.
struct TpmKeys {
    std::string endorsement;
    std::string named; ///< that the credential is for

    /// The TPM's name in the database: the SHA-256 of its endorsement key's public area.
    std::string tpm() const;
};

/// Reads {"endorsement_key", "named_key"}, in base64. An error where the first is not of a TPM.
Result<TpmKeys> read_tpm_keys(const std::string& json);

/// The parameters of TPM2_ActivateCredential, without the sizes before them.
struct Credential {
    std::string blob;
    std::string secret;
};

/// Encrypts up to 32 bytes so that only the TPM with both keys gets them.
Result<Credential> make_credential(const TpmKeys& keys, std::string_view credential);

/// Returns the JSON with the definition for this TPM: {"credential", "secret", "sealed"}, in base64.
Result<std::string> definition_for_tpm(const TpmKeys& keys, const std::string& definition);

/// A password that the head node knows again: of the node while it has this TPM.
std::string token_of(const std::string& key, const std::string& node, const std::string& tpm);

} // namespace mangrove::head
