#include "base/placeholders.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"

namespace mangrove {

static Result<> check_placeholder(std::string_view name) {
    if (std::ranges::find(kPlaceholders, name) != std::end(kPlaceholders)) return {};
    std::vector<std::string> names(std::begin(kPlaceholders), std::end(kPlaceholders));
    return permanent_error("unknown placeholder '", name, "'; known: ", join(names, ", "));
}

Result<std::string> fill_in(std::string_view written, const PlaceholderValue& value) {
    std::string filled;
    for (;;) {
        size_t begin = written.find('{');
        filled += written.substr(0, begin);
        if (begin == std::string_view::npos) return filled;
        size_t end = written.find('}', begin);
        if (end == std::string_view::npos) return permanent_error("'{' without '}'");
        std::string_view name = written.substr(begin, end + 1 - begin);
        TRY(check_placeholder(name));
        filled += TRY(value(name));
        written.remove_prefix(end + 1);
    }
}

} // namespace mangrove
