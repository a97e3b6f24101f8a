#include "base/utf8.h"

#include <algorithm>
#include <cstdint>

namespace mangrove {

size_t character_length(std::string_view rest) {
    auto byte = [&](size_t i) { return i < rest.size() ? static_cast<uint8_t>(rest[i]) : uint8_t{0}; };
    auto continues = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
    if (byte(0) < 0x80) return 1;
    if (byte(0) >= 0xc2 && byte(0) <= 0xdf) return continues(1) ? 2 : 0;
    if (byte(0) >= 0xe0 && byte(0) <= 0xef) {
        bool overlong = byte(0) == 0xe0 && byte(1) < 0xa0;
        bool surrogate = byte(0) == 0xed && byte(1) > 0x9f;
        return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
    }
    bool out_of_range =
        byte(0) > 0xf4 || (byte(0) == 0xf0 && byte(1) < 0x90) || (byte(0) == 0xf4 && byte(1) > 0x8f);
    return byte(0) >= 0xf0 && !out_of_range && continues(1) && continues(2) && continues(3) ? 4 : 0;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        size_t length = character_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

bool is_one_line(std::string_view text) {
    return is_utf8(text)
           && std::ranges::none_of(text, [](unsigned char letter) { return letter < ' ' || letter == 127; });
}

} // namespace mangrove
