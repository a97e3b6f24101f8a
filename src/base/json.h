#pragma once

#include <cJSON.h>
#include <memory>
#include <string>

namespace mangrove {

using Json = std::unique_ptr<cJSON, decltype(&cJSON_Delete)>;

inline Json make_json_object() {
    return Json(cJSON_CreateObject(), cJSON_Delete);
}

/// On one line, without a newline.
inline std::string print_json(const Json& json) {
    std::unique_ptr<char, decltype(&cJSON_free)> printed(cJSON_PrintUnformatted(json.get()), cJSON_free);
    return printed.get();
}

} // namespace mangrove
