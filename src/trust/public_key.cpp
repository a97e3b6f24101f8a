#include "trust/public_key.h"

#include <algorithm>
#include <iterator>
#include <mbedtls/ecdsa.h>
#include <mbedtls/md.h>
#include <sodium/crypto_sign_ed25519.h>

#include "base/excerpt.h"
#include "definition/base64.h"
#include "trust/wire_reader.h"

// mbedTLS has no Ed25519, libsodium no P-256. Of libsodium, checking a signature needs no sodium_init, which
// would wait for the kernel's random numbers.

namespace mangrove::trust {

namespace {

struct KeyType {
    std::string_view name;
    PublicKey::Curve curve;
    bool is_on_hardware;
};

constexpr KeyType kTypes[] = {
    {"ssh-ed25519", PublicKey::Curve::ed25519, false},
    {"ecdsa-sha2-nistp256", PublicKey::Curve::p256, false},
    {"sk-ssh-ed25519@openssh.com", PublicKey::Curve::ed25519, true},
    {"sk-ecdsa-sha2-nistp256@openssh.com", PublicKey::Curve::p256, true},
};

constexpr size_t kUncompressedPoint = 65;

/// P-256 with a point and a signature on it.
struct P256 {
    mbedtls_ecp_group group;
    mbedtls_ecp_point point;
    mbedtls_mpi r;
    mbedtls_mpi s;

    P256() {
        mbedtls_ecp_group_init(&group);
        mbedtls_ecp_point_init(&point);
        mbedtls_mpi_init(&r);
        mbedtls_mpi_init(&s);
    }
    ~P256() {
        mbedtls_mpi_free(&s);
        mbedtls_mpi_free(&r);
        mbedtls_ecp_point_free(&point);
        mbedtls_ecp_group_free(&group);
    }
    P256(const P256&) = delete;
    P256& operator=(const P256&) = delete;

    bool set_point(ByteView bytes) {
        return mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1) == 0
               && mbedtls_ecp_point_read_binary(&group, &point, bytes.data(), bytes.size()) == 0
               && mbedtls_ecp_check_pubkey(&group, &point) == 0;
    }
};

bool is_ed25519_signature(ByteView point, ByteView signature, ByteView message) {
    return signature.size() == crypto_sign_ed25519_BYTES
           && crypto_sign_ed25519_verify_detached(signature.data(), message.data(), message.size(),
                                                  point.data())
                  == 0;
}

/// Reads a number of SSH ("mpint") that is positive.
bool read_number(mbedtls_mpi& number, ByteView bytes) {
    if (bytes.empty() || bytes[0] >= 0x80 || bytes.size() > 33) return false;
    return mbedtls_mpi_read_binary(&number, bytes.data(), bytes.size()) == 0;
}

Result<bool> is_p256_signature(ByteView point, ByteView signature, ByteView message) {
    WireReader reader(signature, "the signature");
    ByteView r = TRY(reader.string());
    ByteView s = TRY(reader.string());
    TRY(reader.finish());
    P256 p256;
    Bytes digest = digest_of("sha256", message);
    return p256.set_point(point) && read_number(p256.r, r) && read_number(p256.s, s)
           && mbedtls_ecdsa_verify(&p256.group, digest.data(), digest.size(), &p256.point, &p256.r, &p256.s)
                  == 0;
}

/// Returns the text that a hardware key signs (PROTOCOL.u2f): the digests of the application and the message,
/// with the flags and the counter between them.
Result<Bytes> hardware_message(const PublicKey& key, ByteView flags_and_counter, ByteView message) {
    constexpr uint8_t kTouched = 0x01;
    if ((flags_and_counter[0] & kTouched) == 0)
        return permanent_error(
            "the hardware key signed without a touch; sign with a key that was not made with "
            "-O no-touch-required");
    Bytes whole = digest_of("sha256", as_bytes(key.application));
    whole.insert(whole.end(), flags_and_counter.begin(), flags_and_counter.end());
    std::ranges::copy(digest_of("sha256", message), std::back_inserter(whole));
    return whole;
}

} // namespace

std::string PublicKey::fingerprint() const {
    std::string shown = "SHA256:" + definition::to_base64(digest_of("sha256", blob));
    shown.resize(shown.find('='));
    return shown;
}

Bytes digest_of(std::string_view name, ByteView message) {
    if (name != "sha256" && name != "sha512") return {};
    const mbedtls_md_info_t* kind =
        mbedtls_md_info_from_type(name == "sha256" ? MBEDTLS_MD_SHA256 : MBEDTLS_MD_SHA512);
    Bytes digest(mbedtls_md_get_size(kind));
    mbedtls_md(kind, message.data(), message.size(), digest.data());
    return digest;
}

Result<PublicKey> parse_public_key(ByteView blob) {
    WireReader reader(blob, "the key");
    PublicKey key{.type = std::string(TRY(reader.text())), .blob = Bytes(blob.begin(), blob.end())};
    const auto* type = std::ranges::find(kTypes, key.type, &KeyType::name);
    if (type == std::end(kTypes))
        return permanent_error("keys of the type '", excerpt(key.type),
                               "' are not supported; use ssh-ed25519, "
                               "ecdsa-sha2-nistp256 or the sk- form of one of them");
    key.curve = type->curve;
    key.is_on_hardware = type->is_on_hardware;
    bool is_p256 = key.curve == PublicKey::Curve::p256;
    if (is_p256 && TRY(reader.text()) != "nistp256")
        return permanent_error("the key is not on the curve nistp256");
    ByteView point = TRY(reader.string());
    if (key.is_on_hardware) key.application = TRY(reader.text());
    TRY(reader.finish());
    bool is_valid = is_p256 ? point.size() == kUncompressedPoint && P256().set_point(point)
                            : point.size() == crypto_sign_ed25519_PUBLICKEYBYTES;
    if (!is_valid) return permanent_error("the key is damaged; copy it again");
    key.point.assign(point.begin(), point.end());
    return key;
}

Result<> check_signature(const PublicKey& key, ByteView signature, ByteView message) {
    WireReader reader(signature, "the signature");
    if (TRY(reader.text()) != key.type)
        return permanent_error("the signature and its key have different types; sign again");
    ByteView inside = TRY(reader.string());
    Bytes hardware;
    if (key.is_on_hardware) {
        constexpr size_t kFlagsAndCounter = 5;
        hardware = TRY(hardware_message(key, TRY(reader.bytes(kFlagsAndCounter)), message));
        message = hardware;
    }
    TRY(reader.finish());
    bool fits = key.curve == PublicKey::Curve::p256 ? TRY(is_p256_signature(key.point, inside, message))
                                                    : is_ed25519_signature(key.point, inside, message);
    if (fits) return {};
    return permanent_error(
        "the signature does not fit; the definition was changed after it was signed, or is "
        "another one: sign it again");
}

} // namespace mangrove::trust
