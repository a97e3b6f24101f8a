#include "iscsi/text_keys.h"

#include <algorithm>

namespace mangrove::iscsi {

namespace {

constexpr size_t kKeyLengthMax = 63;
constexpr size_t kBinaryMax = 1024; // section 12.1.3

bool is_key_character(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
           || std::string_view(".-+@_").find(c) != std::string_view::npos;
}

bool is_key(std::string_view key) {
    return !key.empty() && key.size() <= kKeyLengthMax && key.front() >= 'A' && key.front() <= 'Z'
           && std::all_of(key.begin(), key.end(), is_key_character);
}

std::optional<Bytes> parse_hexadecimal(std::string_view digits) {
    if (digits.empty()) return std::nullopt;
    // An odd number of digits is a number without its leading zero.
    std::string even = digits.size() % 2 ? "0" : "";
    even += digits;
    Bytes bytes;
    for (size_t i = 0; i < even.size(); i += 2) {
        std::optional<uint64_t> byte = parse_number(std::string_view(even).substr(i, 2), 16);
        if (!byte) return std::nullopt;
        bytes.push_back(static_cast<uint8_t>(*byte));
    }
    return bytes;
}

std::optional<Bytes> parse_base64(std::string_view digits) {
    constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t end = digits.find_last_not_of('=');
    if (end == std::string_view::npos || digits.size() - end - 1 > 2) return std::nullopt;
    digits = digits.substr(0, end + 1);
    if (digits.size() % 4 == 1) return std::nullopt;
    Bytes bytes;
    uint32_t pending = 0;
    unsigned bits = 0;
    for (char digit : digits) {
        size_t value = kAlphabet.find(digit);
        if (value == std::string_view::npos) return std::nullopt;
        pending = (pending << 6) | static_cast<uint32_t>(value);
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        bytes.push_back(static_cast<uint8_t>(pending >> bits));
        pending &= (1U << bits) - 1;
    }
    return bytes;
}

} // namespace

Result<TextKeys> TextKeys::parse(ByteView data) {
    std::string_view left(reinterpret_cast<const char*>(data.data()), data.size());
    TextKeys keys;
    while (!left.empty()) {
        if (left.find_first_not_of('\0') == std::string_view::npos && !keys.empty()) break;
        size_t end = left.find('\0');
        if (end == std::string_view::npos)
            return permanent_error("the target's text is not terminated: '", printable(left), "'");
        std::string_view pair = left.substr(0, end);
        size_t equals = pair.find('=');
        if (equals == std::string_view::npos || !is_key(pair.substr(0, equals)))
            return permanent_error("the target's text has no key: '", printable(pair), "'");
        keys.add(pair.substr(0, equals), pair.substr(equals + 1));
        left.remove_prefix(end + 1);
    }
    return keys;
}

void TextKeys::add(std::string_view key, std::string_view value) {
    keys_.push_back({std::string(key), std::string(value)});
}

std::optional<std::string> TextKeys::value(std::string_view key) const {
    auto found =
        std::find_if(keys_.begin(), keys_.end(), [&](const TextKey& pair) { return pair.key == key; });
    if (found == keys_.end()) return std::nullopt;
    return found->value;
}

Bytes TextKeys::to_bytes() const {
    Bytes bytes;
    for (const TextKey& pair : keys_) {
        for (std::string_view word :
             {std::string_view(pair.key), std::string_view("="), std::string_view(pair.value)})
            bytes.insert(bytes.end(), word.begin(), word.end());
        bytes.push_back(0);
    }
    return bytes;
}

std::optional<Bytes> parse_binary_value(std::string_view value) {
    if (value.size() > 2 + 2 * kBinaryMax || value.size() < 3 || value[0] != '0') return std::nullopt;
    std::string_view digits = value.substr(2);
    std::optional<Bytes> bytes;
    if (value[1] == 'x' || value[1] == 'X') bytes = parse_hexadecimal(digits);
    if (value[1] == 'b' || value[1] == 'B') bytes = parse_base64(digits);
    if (bytes && bytes->size() > kBinaryMax) return std::nullopt;
    return bytes;
}

std::string printable(std::string_view from_target) {
    constexpr size_t kLengthMax = 80;
    std::string shown(from_target.substr(0, kLengthMax));
    for (char& c : shown)
        if (c < ' ' || c > '~') c = '?';
    if (from_target.size() > kLengthMax) shown += "…";
    return shown;
}

} // namespace mangrove::iscsi
