#include "trust/sealed.h"

#include <sodium/crypto_secretbox.h>

namespace mangrove::trust {

namespace {

constexpr uint8_t kNonce[crypto_secretbox_NONCEBYTES] = {};
static_assert(kSealKeySize == crypto_secretbox_KEYBYTES);

uint8_t* bytes_of(std::string& text) {
    return reinterpret_cast<uint8_t*>(text.data());
}

} // namespace

std::string seal(std::string_view key, std::string_view plain) {
    std::string sealed(plain.size() + crypto_secretbox_MACBYTES, '\0');
    ::crypto_secretbox_easy(bytes_of(sealed), as_bytes(plain).data(), plain.size(), kNonce,
                            as_bytes(key).data());
    return sealed;
}

Result<std::string> unseal(std::string_view key, std::string_view sealed) {
    if (key.size() != kSealKeySize || sealed.size() < crypto_secretbox_MACBYTES)
        return permanent_error("the sealed text or its key is too short");
    std::string plain(sealed.size() - crypto_secretbox_MACBYTES, '\0');
    if (::crypto_secretbox_open_easy(bytes_of(plain), as_bytes(sealed).data(), sealed.size(), kNonce,
                                     as_bytes(key).data())
        != 0)
        return permanent_error("the sealed text was changed on the way, or sealed with another key");
    return plain;
}

} // namespace mangrove::trust
