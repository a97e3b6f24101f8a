#include "source/smbios_strings.h"

#include <algorithm>

namespace mangrove {

static constexpr size_t kHeaderSize = 4;
static constexpr uint8_t kOemStrings = 11;
static constexpr uint8_t kEndOfTable = 127;

/// The strings behind a structure, each with its terminator, and one more terminator behind the last (two
/// where there is none). Nothing when that is missing.
static std::optional<std::vector<std::string>> take_strings(ByteView& table) {
    std::vector<std::string> strings;
    for (;;) {
        auto end = std::find(table.begin(), table.end(), uint8_t{0});
        if (end == table.end()) return std::nullopt;
        std::string each(table.begin(), end);
        table = table.subspan(each.size() + 1);
        if (!each.empty()) {
            strings.push_back(std::move(each));
            continue;
        }
        if (!strings.empty()) return strings;
        if (table.empty() || table[0] != 0) return std::nullopt;
        table = table.subspan(1);
        return strings;
    }
}

Result<std::vector<std::string>> oem_strings(ByteView table) {
    std::vector<std::string> found;
    while (table.size() >= kHeaderSize) {
        uint8_t type = table[0];
        size_t length = table[1];
        if (length < kHeaderSize || length > table.size())
            return permanent_error("the SMBIOS table is damaged: a structure of type ", type, " with ",
                                   length, " bytes, of which ", table.size(), " are present");
        table = table.subspan(length);
        std::optional<std::vector<std::string>> strings = take_strings(table);
        if (!strings)
            return permanent_error("the SMBIOS table is truncated in the strings of a structure of type ",
                                   type);
        if (type == kOemStrings) found.insert(found.end(), strings->begin(), strings->end());
        if (type == kEndOfTable) break;
    }
    return found;
}

} // namespace mangrove
