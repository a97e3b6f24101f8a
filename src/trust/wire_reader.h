#pragma once

#include <string_view>

#include "base/result.h"

namespace mangrove::trust {

/// Reads the fields of a message of SSH (RFC 4251, section 5). `name` is the message, for errors.
class WireReader {
  public:
    WireReader(ByteView bytes, std::string_view name) : rest_(bytes), name_(name) {}

    Result<ByteView> bytes(size_t count);
    Result<uint8_t> byte();
    Result<uint32_t> number();
    Result<ByteView> string();
    Result<std::string_view> text();
    /// Returns an error where something is left.
    Result<> finish() const;

  private:
    ByteView rest_;
    std::string_view name_;
};

} // namespace mangrove::trust
