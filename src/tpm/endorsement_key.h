#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mangrove::tpm {

/// The template of a TPM's endorsement key that we use: ECC NIST P-256, as manufacturers make certificates
/// for (TCG EK Credential Profile 2.5, template L-2). Each TPM makes the same key from it for ever, and no
/// other TPM has it.
std::string endorsement_template();

/// The two coordinates of the key's public point, 32 bytes each.
struct EcPoint {
    std::string x;
    std::string y;
};

/// Reads the point of a public area (TPMT_PUBLIC). An error where that is not of a key made from the
/// template: a key of another kind could lie outside a TPM.
Result<EcPoint> endorsement_point(std::string_view public_area);

} // namespace mangrove::tpm
