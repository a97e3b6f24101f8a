#include "head/host/json.h"

namespace mangrove::head {

Result<Json> parse_json(const std::string& text, std::string_view origin) {
    Json json(cJSON_ParseWithLength(text.data(), text.size()));
    if (!json) return permanent_error(origin, " is not JSON");
    return json;
}

std::string indented_json(const cJSON* json) {
    std::unique_ptr<char, decltype(&cJSON_free)> printed(cJSON_Print(json), cJSON_free);
    std::string indented;
    // A tab is never part of a text: cJSON writes it as \\t there.
    for (char letter : std::string_view(printed.get())) {
        bool is_after_key = letter == '\t' && indented.ends_with(':');
        if (letter != '\t')
            indented += letter;
        else
            indented += is_after_key ? " " : "  ";
    }
    return indented + "\n";
}

void add_text(cJSON* object, const char* key, const std::string& value) {
    cJSON_AddStringToObject(object, key, value.c_str());
}

cJSON* add_object(cJSON* object, const char* key) {
    return cJSON_AddObjectToObject(object, key);
}

void add_texts(cJSON* json, const char* key, const std::vector<std::string>& texts) {
    cJSON* array = cJSON_AddArrayToObject(json, key);
    for (const std::string& word : texts)
        cJSON_AddItemToArray(array, cJSON_CreateString(word.c_str()));
}

void merge_patch(cJSON* target, const cJSON* patch) {
    const cJSON* item = nullptr;
    cJSON_ArrayForEach(item, patch) {
        cJSON* old = cJSON_GetObjectItemCaseSensitive(target, item->string);
        if (cJSON_IsObject(item) && cJSON_IsObject(old)) {
            merge_patch(old, item);
            continue;
        }
        cJSON_DeleteItemFromObjectCaseSensitive(target, item->string);
        if (cJSON_IsObject(item))
            merge_patch(cJSON_AddObjectToObject(target, item->string), item);
        else if (!cJSON_IsNull(item))
            cJSON_AddItemToObject(target, item->string, cJSON_Duplicate(item, true));
    }
}

} // namespace mangrove::head
