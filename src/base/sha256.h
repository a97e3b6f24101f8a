#pragma once

#include <mbedtls/md.h>
#include <string>

#include "base/text.h"

namespace mangrove {

/// The SHA-256 of bytes that come in pieces (FIPS 180-4).
class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;

    void add(ByteView piece);
    /// Returns 64 lower-case hexadecimal digits; nothing can be added any more.
    std::string finish();
    std::string finish_raw(); ///< the 32 bytes

  private:
    mbedtls_md_context_t context_ = {};
};

} // namespace mangrove
