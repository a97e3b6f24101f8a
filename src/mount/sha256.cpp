#include "mount/sha256.h"

namespace mangrove {

// mbedTLS's software cannot fail here; its results are for accelerators.

Sha256::Sha256() {
    ::mbedtls_sha256_init(&context_);
    static_cast<void>(!::mbedtls_sha256_starts_ret(&context_, 0));
}

Sha256::~Sha256() {
    ::mbedtls_sha256_free(&context_);
}

void Sha256::add(ByteView piece) {
    static_cast<void>(!::mbedtls_sha256_update_ret(&context_, piece.data(), piece.size()));
}

std::string Sha256::finish() {
    uint8_t digest[32] = {};
    static_cast<void>(!::mbedtls_sha256_finish_ret(&context_, digest));
    return hex(digest);
}

} // namespace mangrove
