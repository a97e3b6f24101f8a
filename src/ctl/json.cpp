#include "ctl/json.h"

namespace mangrove::ctl {

Result<Json> parse_json(const std::string& text, std::string_view origin) {
    Json json(cJSON_ParseWithLength(text.data(), text.size()));
    if (!json) return permanent_error(origin, " is not JSON");
    return json;
}

std::string print_json(const cJSON* json) {
    std::unique_ptr<char, decltype(&cJSON_free)> printed(cJSON_Print(json), cJSON_free);
    return std::string(printed.get()) + "\n";
}

void add_text(cJSON* object, const char* key, const std::string& value) {
    cJSON_AddStringToObject(object, key, value.c_str());
}

cJSON* add_object(cJSON* object, const char* key) {
    return cJSON_AddObjectToObject(object, key);
}

} // namespace mangrove::ctl
