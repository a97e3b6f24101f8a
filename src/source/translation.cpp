#include "source/translation.h"

#include <algorithm>

namespace mangrove {

HostAndRest split_host(std::string_view whole) {
    size_t bracket = whole.starts_with("[") ? whole.find(']') : std::string_view::npos;
    if (bracket != std::string_view::npos)
        return {std::string(whole.substr(1, bracket - 1)), whole.substr(bracket + 1)};
    size_t colon = std::min(whole.find(':'), whole.size());
    return {std::string(whole.substr(0, colon)), whole.substr(colon)};
}

cJSON* add_kind(cJSON* parent, const char* kind) {
    cJSON_AddStringToObject(parent, "kind", kind);
    return cJSON_AddObjectToObject(parent, kind);
}

void add_text(cJSON* object, const char* key, const std::string& value) {
    if (!value.empty()) cJSON_AddStringToObject(object, key, value.c_str());
}

void add_texts(cJSON* object, const char* key, const std::vector<std::string>& values) {
    if (values.empty()) return;
    cJSON* list = cJSON_AddArrayToObject(object, key);
    for (const std::string& value : values)
        cJSON_AddItemToArray(list, cJSON_CreateString(value.c_str()));
}

} // namespace mangrove
