#include "head/host/base64.h"

#include <openssl/evp.h>

namespace mangrove::head {

std::string base64(std::string_view plain) {
    std::string encoded(4 * ((plain.size() + 2) / 3) + 1, '\0');
    int size = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                 reinterpret_cast<const unsigned char*>(plain.data()),
                                 static_cast<int>(plain.size()));
    encoded.resize(static_cast<size_t>(size));
    return encoded;
}

std::string from_base64(std::string_view encoded) {
    std::string plain(3 * (encoded.size() / 4) + 1, '\0');
    int size = ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(plain.data()),
                                 reinterpret_cast<const unsigned char*>(encoded.data()),
                                 static_cast<int>(encoded.size()));
    // It counts the padding as bytes.
    size_t padding = encoded.ends_with("==") ? 2 : encoded.ends_with('=') ? 1 : 0;
    plain.resize(size < 0 ? 0 : static_cast<size_t>(size) - padding);
    return plain;
}

} // namespace mangrove::head
