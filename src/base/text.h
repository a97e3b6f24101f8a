#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mangrove {

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;

inline void append(std::string& out, std::string_view word) {
    out += word;
}
inline void append(std::string& out, char character) {
    out += character;
}
template <std::integral Number>
requires(!std::same_as<Number, char> && !std::same_as<Number, bool>) void append(std::string& out,
                                                                                 Number number) {
    out += std::to_string(number);
}

/// Concatenates the words; integers in decimal.
template <typename... Words>
std::string text(const Words&... words) {
    std::string out;
    (append(out, words), ...);
    return out;
}

std::vector<std::string> split(std::string_view whole, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view whole);
std::string lower_case(std::string_view whole);

/// Returns lower-case hexadecimal, two digits a byte, with `separator` between bytes when it is not NUL.
std::string hex(ByteView bytes, char separator = '\0');

/// Parses all of `digits` as a number in the given base, without sign or blanks; nothing if it is not one or
/// does not fit.
std::optional<uint64_t> parse_number(std::string_view digits, int base = 10);

/// Returns the candidate that `word` probably meant (small edit distance), or an empty string.
std::string closest(std::string_view word, const std::vector<std::string>& candidates);

/// Returns "; did you mean 'iscsi'?", or an empty string when nothing is similar.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

ByteView as_bytes(std::string_view characters);

} // namespace mangrove
