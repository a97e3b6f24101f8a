#include "tpm/endorsement_key.h"

#include "tpm/message.h"

namespace mangrove::tpm {

namespace {

constexpr size_t kCoordinate = 32;

/// All of the public area before the point.
std::string constant_part() {
    // PolicySecret(TPM_RH_ENDORSEMENT), "PolicyA" of the profile.
    constexpr unsigned char kPolicy[] = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc,
                                         0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52,
                                         0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};
    return Writer()
        .u16(0x0023)     // ECC
        .u16(0x000b)     // SHA-256
        .u32(0x000300b2) // fixedTPM fixedParent sensitiveDataOrigin adminWithPolicy restricted decrypt
        .sized(std::string_view(reinterpret_cast<const char*>(kPolicy), sizeof kPolicy))
        .u16(0x0006) // AES
        .u16(128)
        .u16(0x0043) // CFB
        .u16(0x0010) // no scheme
        .u16(0x0003) // NIST P-256
        .u16(0x0010) // no KDF
        .text();
}

} // namespace

std::string endorsement_template() {
    std::string zeros(kCoordinate, '\0');
    return Writer().bytes(constant_part()).sized(zeros).sized(zeros).text();
}

Result<EcPoint> endorsement_point(std::string_view public_area) {
    std::string constant = constant_part();
    if (!public_area.starts_with(constant))
        return permanent_error("not the endorsement key of a TPM (ECC NIST P-256)");
    Reader unique(public_area.substr(constant.size()));
    EcPoint point{TRY(unique.sized()), TRY(unique.sized())};
    if (point.x.size() != kCoordinate || point.y.size() != kCoordinate
        || public_area.size() != constant.size() + 2 * (2 + kCoordinate))
        return permanent_error("the point of the endorsement key has the wrong size");
    return point;
}

} // namespace mangrove::tpm
