#pragma once

#include <memory>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <string>

#include "base/byte_order.h"
#include "definition/base64.h"
#include "trust/public_key.h"

namespace mangrove::trust {

/// Fields of a message of SSH.
struct WireWriter {
    std::string written = {};

    WireWriter& number(uint32_t value) {
        uint8_t bytes[4];
        store_be32(bytes, value);
        written.append(reinterpret_cast<const char*>(bytes), sizeof bytes);
        return *this;
    }
    WireWriter& string(std::string_view field) {
        number(static_cast<uint32_t>(field.size()));
        written += field;
        return *this;
    }
};

inline std::string as_text(const Bytes& bytes) {
    return {bytes.begin(), bytes.end()};
}

/// A key of the test's own that signs as OpenSSH and hardware keys do (PROTOCOL.sshsig, PROTOCOL.u2f), by
/// OpenSSL.
class TestKey {
  public:
    /// The parts of a signature that a test can make wrong.
    struct Wishes {
        std::string name_space = "mangrove";
        std::string hash = "sha512";
        uint32_t version = 1;
        char flags = 0x01; ///< of a hardware key: touched
    };

    explicit TestKey(std::string type) : type_(std::move(type)) {
        key_.reset(is_ed25519() ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    }

    std::string blob() const {
        WireWriter blob;
        blob.string(type_);
        if (!is_ed25519()) blob.string("nistp256");
        blob.string(point());
        if (is_on_hardware()) blob.string("ssh:");
        return blob.written;
    }
    std::string line(const std::string& before = "alice@example.org") const {
        return before + " " + type_ + " " + definition::to_base64(as_bytes(blob())) + " a comment\n";
    }
    /// The blob of a signature.
    std::string sign(std::string_view message, const Wishes& wishes) const {
        WireWriter inside;
        inside.string(wishes.name_space).string("").string(wishes.hash);
        inside.string(as_text(digest_of(wishes.hash, as_bytes(message))));
        WireWriter signature;
        signature.written = "SSHSIG";
        signature.number(wishes.version)
            .string(blob())
            .string(wishes.name_space)
            .string("")
            .string(wishes.hash);
        return signature.string(sign_blob("SSHSIG" + inside.written, wishes.flags)).written;
    }
    /// On one line.
    std::string sign(std::string_view message) const {
        return definition::to_base64(as_bytes(sign(message, Wishes())));
    }

  private:
    bool is_ed25519() const { return type_.contains("ed25519"); }
    bool is_on_hardware() const { return type_.starts_with("sk-"); }
    std::string point() const {
        unsigned char bytes[65];
        size_t size = sizeof bytes;
        if (is_ed25519())
            EVP_PKEY_get_raw_public_key(key_.get(), bytes, &size);
        else
            EVP_PKEY_get_octet_string_param(key_.get(), "pub", bytes, sizeof bytes, &size);
        return {reinterpret_cast<const char*>(bytes), size};
    }
    std::string plain_signature(std::string_view message) const {
        std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
        EVP_DigestSignInit(context.get(), nullptr, is_ed25519() ? nullptr : EVP_sha256(), nullptr,
                           key_.get());
        unsigned char bytes[128];
        size_t size = sizeof bytes;
        EVP_DigestSign(context.get(), bytes, &size, as_bytes(message).data(), message.size());
        if (is_ed25519()) return {reinterpret_cast<const char*>(bytes), size};
        const unsigned char* der = bytes;
        std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(
            d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(size)), ECDSA_SIG_free);
        return WireWriter()
            .string(number(ECDSA_SIG_get0_r(pair.get())))
            .string(number(ECDSA_SIG_get0_s(pair.get())))
            .written;
    }
    static std::string number(const BIGNUM* value) {
        std::string bytes(static_cast<size_t>(BN_num_bytes(value)), '\0');
        BN_bn2bin(value, reinterpret_cast<unsigned char*>(bytes.data()));
        return (static_cast<uint8_t>(bytes[0]) >= 0x80 ? std::string(1, '\0') : "") + bytes;
    }
    std::string sign_blob(const std::string& message, char flags) const {
        WireWriter blob;
        blob.string(type_);
        if (!is_on_hardware()) return blob.string(plain_signature(message)).written;
        std::string counted = flags + WireWriter().number(7).written;
        std::string whole = as_text(digest_of("sha256", as_bytes("ssh:"))) + counted
                            + as_text(digest_of("sha256", as_bytes(message)));
        return blob.string(plain_signature(whole)).written + counted;
    }

    std::string type_;
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_{nullptr, EVP_PKEY_free};
};

} // namespace mangrove::trust
