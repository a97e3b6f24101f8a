#include "base/sha256.h"

namespace mangrove {

// Through mbedtls_md, whose names are the same in mbedTLS 2.28 and 3.6. It fails where memory for the context
// is missing; the digest is then one of no bytes, which no definition names.

Sha256::Sha256() {
    ::mbedtls_md_init(&context_);
    if (::mbedtls_md_setup(&context_, ::mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 0) == 0)
        ::mbedtls_md_starts(&context_);
}

Sha256::~Sha256() {
    ::mbedtls_md_free(&context_);
}

void Sha256::add(ByteView piece) {
    ::mbedtls_md_update(&context_, piece.data(), piece.size());
}

std::string Sha256::finish() {
    return hex(as_bytes(finish_raw()));
}

std::string Sha256::finish_raw() {
    std::string digest(32, '\0');
    ::mbedtls_md_finish(&context_, reinterpret_cast<uint8_t*>(digest.data()));
    return digest;
}

} // namespace mangrove
