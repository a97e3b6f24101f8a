#pragma once

#include <cJSON.h>
#include <memory>
#include <string>

namespace mangrove {

struct DeleteJson {
    void operator()(cJSON* json) const { cJSON_Delete(json); }
};
using Json = std::unique_ptr<cJSON, DeleteJson>;

inline Json make_json_object() {
    return Json(cJSON_CreateObject());
}

/// On one line, without a newline.
inline std::string print_json(const Json& json) {
    std::unique_ptr<char, decltype(&cJSON_free)> printed(cJSON_PrintUnformatted(json.get()), cJSON_free);
    return printed.get();
}

} // namespace mangrove
