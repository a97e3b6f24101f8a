#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/text.h"

namespace mangrove::iscsi {

struct TextKey {
    std::string key;
    std::string value;
    bool operator==(const TextKey&) const = default;
};

/// The "key=value" pairs of a login or text PDU, each ended by a NUL (RFC 7143 section 6.1), in their order.
class TextKeys {
  public:
    /// Refuses text without pairs, a key with an invalid name and a pair without its end; NULs after the last
    /// pair count as padding. Accepts a key twice: SendTargets answers so.
    static Result<TextKeys> parse(ByteView data);

    void add(std::string_view key, std::string_view value);
    bool empty() const { return keys_.empty(); }
    const std::vector<TextKey>& all() const { return keys_; }
    /// Returns the value of the first pair with that key.
    std::optional<std::string> value(std::string_view key) const;
    Bytes to_bytes() const;

  private:
    std::vector<TextKey> keys_;
};

/// Parses a binary value: "0x" and hexadecimal digits or "0b" and base64 (section 6.1). Nothing for anything
/// else.
std::optional<Bytes> parse_binary_value(std::string_view value);

/// Returns text from the target for use in an error: shortened, with "?" for characters that are not
/// printable.
std::string printable(std::string_view from_target);

} // namespace mangrove::iscsi
