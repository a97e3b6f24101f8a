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
    /// Refuses what is no pair, a key that is no name and a pair that is not ended; NULs after the last pair
    /// are taken for padding. The same key twice is no error here: SendTargets answers so.
    static Result<TextKeys> parse(ByteView data);

    void add(std::string_view key, std::string_view value);
    bool empty() const { return keys_.empty(); }
    const std::vector<TextKey>& all() const { return keys_; }
    /// The value of the first pair with that key.
    std::optional<std::string> value(std::string_view key) const;
    Bytes to_bytes() const;

  private:
    std::vector<TextKey> keys_;
};

/// A binary value: "0x" and hexadecimal digits or "0b" and base64 (section 6.1). Nothing for anything else.
std::optional<Bytes> parse_binary_value(std::string_view value);

/// Text from the target as it may stand in an error: cut short, with "?" for what is not printable.
std::string printable(std::string_view from_target);

} // namespace mangrove::iscsi
