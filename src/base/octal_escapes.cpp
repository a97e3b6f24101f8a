#include "base/octal_escapes.h"

#include "base/text.h"

namespace mangrove {

std::string without_octal_escapes(std::string_view written) {
    constexpr size_t kDigits = 3;
    std::string plain;
    for (size_t i = 0; i < written.size(); ++i) {
        std::optional<uint64_t> code;
        if (written[i] == '\\') code = parse_number(written.substr(i + 1, kDigits), 8);
        plain += code ? static_cast<char>(*code) : written[i];
        if (code) i += kDigits;
    }
    return plain;
}

} // namespace mangrove
