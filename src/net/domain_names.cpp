#include "net/domain_names.h"

#include <algorithm>
#include <optional>

namespace mangrove {

static constexpr size_t kLabelLimit = 63;
static constexpr size_t kNameLimit = 253;

static bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool is_domain_name(std::string_view name) {
    if (name.ends_with('.')) name.remove_suffix(1);
    if (name.empty() || name.size() > kNameLimit) return false;
    return std::ranges::all_of(split(name, '.'), [](const std::string& label) {
        return !label.empty() && label.size() <= kLabelLimit && label.front() != '-'
               && std::ranges::all_of(label, is_name_character);
    });
}

/// Reads one name and moves `position` behind it. A pointer has to point in front of where the labels that it
/// ends began, so that following it comes to an end.
static Result<std::string> decode_name(ByteView bytes, size_t& position) {
    std::string name;
    size_t at = position;
    size_t limit = position;
    std::optional<size_t> behind;
    for (;;) {
        if (at >= bytes.size()) return permanent_error("a name is truncated");
        size_t length = bytes[at++];
        if (length == 0) break;
        if ((length & 0xc0) == 0xc0) {
            if (at >= bytes.size()) return permanent_error("a pointer is truncated");
            size_t target = (length & 0x3f) << 8 | bytes[at++];
            if (!behind) behind = at;
            if (target >= limit) return permanent_error("a pointer does not point backwards");
            at = limit = target;
            continue;
        }
        if (length > kLabelLimit) return permanent_error("a label of an unknown type");
        if (length > bytes.size() - at) return permanent_error("a label is truncated");
        if (!name.empty()) name += '.';
        name.append(reinterpret_cast<const char*>(&bytes[at]), length);
        if (name.size() > kNameLimit) return permanent_error("a name is too long");
        at += length;
    }
    position = behind.value_or(at);
    return name;
}

Result<std::vector<std::string>> decode_domain_names(ByteView bytes) {
    std::vector<std::string> names;
    for (size_t position = 0; position < bytes.size();) {
        std::string name = TRY(decode_name(bytes, position));
        if (!is_domain_name(name)) return permanent_error("invalid domain name");
        names.push_back(std::move(name));
    }
    return names;
}

} // namespace mangrove
