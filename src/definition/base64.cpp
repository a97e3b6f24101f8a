#include "definition/base64.h"

#include <algorithm>
#include <mbedtls/base64.h>

namespace mangrove::definition {

std::string to_base64(ByteView plain) {
    size_t length = 0;
    mbedtls_base64_encode(nullptr, 0, &length, plain.data(), plain.size());
    std::string encoded(length, '\0');
    mbedtls_base64_encode(reinterpret_cast<unsigned char*>(encoded.data()), encoded.size(), &length,
                          plain.data(), plain.size());
    encoded.resize(length);
    return encoded;
}

std::optional<std::string> from_base64(std::string_view encoded) {
    std::string standard(encoded);
    while (standard.ends_with("="))
        standard.pop_back();
    std::replace(standard.begin(), standard.end(), '-', '+');
    std::replace(standard.begin(), standard.end(), '_', '/');
    standard.append((4 - standard.size() % 4) % 4, '=');
    std::string plain(standard.size(), '\0');
    size_t length = 0;
    if (mbedtls_base64_decode(reinterpret_cast<unsigned char*>(plain.data()), plain.size(), &length,
                              as_bytes(standard).data(), standard.size())
        != 0)
        return std::nullopt;
    plain.resize(length);
    return plain;
}

} // namespace mangrove::definition
