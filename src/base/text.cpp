#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <numeric>

namespace mangrove {

std::vector<std::string> split(std::string_view whole, char separator) {
    std::vector<std::string> parts;
    for (;;) {
        size_t end = whole.find(separator);
        parts.emplace_back(whole.substr(0, end));
        if (end == std::string_view::npos) return parts;
        whole.remove_prefix(end + 1);
    }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
    std::string whole;
    for (const std::string& part : parts) {
        if (&part != &parts.front()) whole += separator;
        whole += part;
    }
    return whole;
}

std::string_view trim(std::string_view whole) {
    constexpr std::string_view kBlanks = " \t\r\n";
    size_t begin = whole.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return {};
    return whole.substr(begin, whole.find_last_not_of(kBlanks) - begin + 1);
}

std::string lower_case(std::string_view whole) {
    std::string lowered(whole);
    for (char& c : lowered)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return lowered;
}

std::string hex(ByteView bytes, char separator) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string digits;
    for (size_t i = 0; i < bytes.size(); ++i) {
        if (i > 0 && separator != '\0') digits += separator;
        digits += kDigits[bytes[i] >> 4];
        digits += kDigits[bytes[i] & 0xf];
    }
    return digits;
}

std::optional<uint64_t> parse_number(std::string_view digits, int base) {
    uint64_t number = 0;
    auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
    if (problem != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return number;
}

/// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
static size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
    std::iota(last.begin(), last.end(), size_t{0});
    for (size_t i = 0; i < a.size(); ++i) {
        row[0] = i + 1;
        for (size_t j = 0; j < b.size(); ++j) {
            row[j + 1] = std::min({last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1});
            bool swapped = i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j];
            if (swapped) row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
        }
        std::swap(before, last);
        std::swap(last, row);
    }
    return last[b.size()];
}

std::string closest(std::string_view word, const std::vector<std::string>& candidates) {
    // Words from outside can be of any length; what is far longer than every word we know is near none.
    if (word.size() > 64) return {};
    std::string lowered = lower_case(word);
    std::string best;
    size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
    for (const std::string& candidate : candidates) {
        size_t distance = edit_distance(lowered, lower_case(candidate));
        // Nothing is near a word that it shares no letter with.
        if (distance < std::min(best_distance, std::max(word.size(), candidate.size()))) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
    std::string meant = closest(word, candidates);
    return meant.empty() ? std::string() : text("; did you mean '", meant, "'?");
}

ByteView as_bytes(std::string_view characters) {
    return {reinterpret_cast<const uint8_t*>(characters.data()), characters.size()};
}

} // namespace mangrove
