#include "head/serve/credential.h"

#include <memory>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>

#include "definition/base64.h"
#include "head/host/files.h"
#include "head/host/json.h"
#include "tpm/endorsement_key.h"
#include "tpm/message.h"
#include "trust/sealed.h"

namespace mangrove::head {

namespace {

using tpm::EcPoint;
using tpm::Writer;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;

constexpr const char* kCurve = "P-256";
constexpr size_t kCoordinate = 32;
constexpr size_t kDigest = 32;
constexpr size_t kCipherKey = 16;
constexpr uint16_t kSha256 = 0x000b;

const unsigned char* bytes(std::string_view text) {
    return as_bytes(text).data();
}

std::string sha256(std::string_view text) {
    std::string digest(kDigest, '\0');
    ::EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr,
                 ::EVP_sha256(), nullptr);
    return digest;
}

std::string hmac(std::string_view key, std::string_view text) {
    std::string digest(kDigest, '\0');
    ::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes(text), text.size(),
           reinterpret_cast<unsigned char*>(digest.data()), nullptr);
    return digest;
}

/// KDFa of part 1, for a key of at most one digest. `label` includes its NUL.
std::string derived_key(std::string_view seed, std::string_view label, std::string_view context,
                        size_t size) {
    std::string message =
        Writer().u32(1).bytes(label).bytes(context).u32(static_cast<uint32_t>(size * 8)).text();
    return hmac(seed, message).substr(0, size);
}

Result<Key> key_of(const EcPoint& point) {
    std::string encoded = "\x04" + point.x + point.y;
    OSSL_PARAM parameters[] = {
        ::OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, const_cast<char*>(kCurve), 0),
        ::OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, encoded.data(), encoded.size()),
        ::OSSL_PARAM_construct_end()};
    KeyContext context(::EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr), EVP_PKEY_CTX_free);
    EVP_PKEY* made = nullptr;
    if (!context || ::EVP_PKEY_fromdata_init(context.get()) != 1
        || ::EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        return permanent_error("the endorsement key is no point of NIST P-256");
    return Key(made, EVP_PKEY_free);
}

EcPoint point_of(const Key& key) {
    std::string encoded(1 + 2 * kCoordinate, '\0');
    size_t size = 0;
    ::EVP_PKEY_get_octet_string_param(key.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                      reinterpret_cast<unsigned char*>(encoded.data()), encoded.size(),
                                      &size);
    return {encoded.substr(1, kCoordinate), encoded.substr(1 + kCoordinate)};
}

std::string shared_secret(const Key& own, const Key& other) {
    std::string secret(kCoordinate, '\0');
    size_t size = secret.size();
    KeyContext context(::EVP_PKEY_CTX_new(own.get(), nullptr), EVP_PKEY_CTX_free);
    if (!context || ::EVP_PKEY_derive_init(context.get()) != 1
        || ::EVP_PKEY_derive_set_peer(context.get(), other.get()) != 1
        || ::EVP_PKEY_derive(context.get(), reinterpret_cast<unsigned char*>(secret.data()), &size) != 1)
        return {};
    return secret;
}

struct Seed {
    std::string value;
    std::string encrypted; ///< TPMS_ECC_POINT
};

/// KDFe of part 1 over a key that is made for it.
Result<Seed> make_seed(const EcPoint& endorsement) {
    Key theirs = TRY(key_of(endorsement));
    Key own(::EVP_EC_gen(kCurve), EVP_PKEY_free);
    if (!own) return permanent_error("making a key failed");
    EcPoint point = point_of(own);
    std::string secret = shared_secret(own, theirs);
    if (secret.empty()) return permanent_error("agreeing on a secret with the endorsement key failed");
    std::string message = Writer()
                              .u32(1)
                              .bytes(secret)
                              .bytes(std::string_view("IDENTITY\0", 9))
                              .bytes(point.x)
                              .bytes(endorsement.x)
                              .text();
    return Seed{sha256(message), Writer().sized(point.x).sized(point.y).text()};
}

/// AES in the mode CFB. A key that encrypts one text needs no initial vector.
std::string encrypted(std::string_view key, std::string_view plain) {
    constexpr unsigned char kZeros[kCipherKey] = {};
    std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(::EVP_CIPHER_CTX_new(),
                                                                            EVP_CIPHER_CTX_free);
    std::string result(plain.size(), '\0');
    int size = 0;
    ::EVP_EncryptInit_ex2(context.get(), ::EVP_aes_128_cfb128(), bytes(key), kZeros, nullptr);
    ::EVP_EncryptUpdate(context.get(), reinterpret_cast<unsigned char*>(result.data()), &size, bytes(plain),
                        static_cast<int>(plain.size()));
    return result;
}

Result<std::string> base64_at(const cJSON* json, const char* key) {
    constexpr size_t kMost = 1024;
    std::optional<std::string> decoded = definition::from_base64(text_at(json, key));
    if (!decoded || decoded->empty() || decoded->size() > kMost)
        return permanent_error(key, ": expected the public area of a key, in base64");
    return *decoded;
}

} // namespace

std::string TpmKeys::tpm() const {
    return digest_of_text(endorsement);
}

Result<TpmKeys> read_tpm_keys(const std::string& written) {
    Json json = TRY(parse_json(written, "the keys of the TPM"));
    TpmKeys keys{TRY(base64_at(json.get(), "endorsement_key")), TRY(base64_at(json.get(), "named_key"))};
    TRY(tpm::endorsement_point(keys.endorsement));
    return keys;
}

Result<Credential> make_credential(const TpmKeys& keys, std::string_view credential) {
    EcPoint endorsement = TRY(tpm::endorsement_point(keys.endorsement));
    Seed seed = TRY(make_seed(endorsement));
    std::string name = Writer().u16(kSha256).bytes(sha256(keys.named)).text();
    std::string identity =
        encrypted(derived_key(seed.value, std::string_view("STORAGE\0", 8), name, kCipherKey),
                  Writer().sized(credential).text());
    std::string key_of_integrity = derived_key(seed.value, std::string_view("INTEGRITY\0", 10), {}, kDigest);
    return Credential{Writer().sized(hmac(key_of_integrity, identity + name)).bytes(identity).text(),
                      std::move(seed.encrypted)};
}

Result<std::string> definition_for_tpm(const TpmKeys& keys, const std::string& definition) {
    std::string key(trust::kSealKeySize, '\0');
    if (::RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), static_cast<int>(key.size())) != 1)
        return permanent_error("the random numbers of OpenSSL failed");
    Credential credential = TRY(make_credential(keys, key));
    Json json = make_json_object();
    auto add = [&](const char* name, std::string_view value) {
        add_text(json.get(), name, definition::to_base64(as_bytes(value)));
    };
    add("credential", credential.blob);
    add("secret", credential.secret);
    add("sealed", trust::seal(key, definition));
    return print_json(json);
}

std::string token_of(const std::string& key, const std::string& node, const std::string& tpm) {
    constexpr size_t kSize = 16;
    return hex(as_bytes(hmac(key, node + "\n" + tpm).substr(0, kSize)));
}

} // namespace mangrove::head
