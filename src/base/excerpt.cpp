#include "base/excerpt.h"

#include <cstdint>

namespace mangrove {

std::string excerpt(std::string_view whole) {
    constexpr size_t kLongest = 40;
    std::string shown(whole.substr(0, kLongest));
    for (char& c : shown)
        if (static_cast<uint8_t>(c) < ' ' || static_cast<uint8_t>(c) > '~') c = '?';
    return whole.size() > kLongest ? shown + "…" : shown;
}

} // namespace mangrove
