#pragma once

#include <cJSON.h>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mangrove {

struct DeleteJson {
    void operator()(cJSON* json) const { cJSON_Delete(json); }
};
using Json = std::unique_ptr<cJSON, DeleteJson>;

inline Json make_json_object() {
    return Json(cJSON_CreateObject());
}

/// Returns the JSON on one line, without a newline.
inline std::string print_json(const Json& json) {
    std::unique_ptr<char, decltype(&cJSON_free)> printed(cJSON_PrintUnformatted(json.get()), cJSON_free);
    return printed.get();
}

/// Returns the string at `key`, or an empty string.
inline std::string text_at(const cJSON* object, const char* key) {
    const char* value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return value ? value : "";
}

/// Returns the strings of the array at `key`; skips other elements.
inline std::vector<std::string> texts_at(const cJSON* object, const char* key) {
    std::vector<std::string> texts;
    const cJSON* item = nullptr;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(object, key)) if (cJSON_IsString(item))
        texts.emplace_back(item->valuestring);
    return texts;
}

/// Returns the whole number at `key`, or 0.
inline uint64_t number_at(const cJSON* object, const char* key) {
    const cJSON* value = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(value) && value->valuedouble > 0 ? static_cast<uint64_t>(value->valuedouble) : 0;
}

} // namespace mangrove
