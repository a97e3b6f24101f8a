#include "head/serve/node_definition.h"

#include "definition/parse.h"
#include "head/host/json.h"

namespace mangrove::head {

namespace {

Json files_mount(const FilesLayer& layer) {
    Json mount = make_json_object();
    add_text(mount.get(), "kind", "uri");
    cJSON* uri = add_object(mount.get(), "uri");
    add_text(uri, "uri", layer.url);
    add_text(uri, "digest", "sha256:" + layer.digest);
    return mount;
}

/// nullptr where the root is no overlay.
cJSON* overlay_of(const Json& definition) {
    cJSON* mount = cJSON_GetObjectItemCaseSensitive(definition.get(), "mount");
    return cJSON_GetObjectItemCaseSensitive(mount, "overlay");
}

Result<cJSON*> lower_of(const Json& definition, const char* wanted_by) {
    cJSON* lower = cJSON_GetObjectItemCaseSensitive(overlay_of(definition), "lower");
    if (cJSON_IsArray(lower)) return lower;
    return permanent_error(wanted_by,
                           ": the root of this publication is no overlay; publish the image without "
                           "changing its definition");
}

/// Takes a member out that the language of definitions does not have.
Json take(const Json& values, const char* key) {
    return Json(cJSON_DetachItemFromObjectCaseSensitive(values.get(), key));
}

Result<> add_layers(const Json& definition, const Json& layers) {
    const cJSON* layer = nullptr;
    cJSON_ArrayForEach(layer, layers.get()) {
        cJSON* lower = TRY(lower_of(definition, "values.definition.layers"));
        cJSON_InsertItemInArray(lower, 0, cJSON_Duplicate(layer, true));
    }
    return {};
}

Result<> set_upper(const Json& definition, Json upper) {
    if (!upper) return {};
    TRY(lower_of(definition, "values.definition.upper"));
    cJSON* overlay = overlay_of(definition);
    cJSON_DeleteItemFromObjectCaseSensitive(overlay, "upper");
    cJSON_AddItemToObject(overlay, "upper", upper.release());
    return {};
}

void add_default(const Json& definition, const char* key, const std::string& value) {
    if (!cJSON_HasObjectItem(definition.get(), key)) add_text(definition.get(), key, value);
}

void add_url(const Json& definition, const char* key, const std::string& url) {
    if (url.empty()) return;
    if (!cJSON_HasObjectItem(definition.get(), key)) add_object(definition.get(), key);
    cJSON* object = cJSON_GetObjectItemCaseSensitive(definition.get(), key);
    if (cJSON_IsObject(object) && !cJSON_HasObjectItem(object, "url")) add_text(object, "url", url);
}

void add_release(const Json& definition, const NodeAdditions& additions) {
    cJSON_DeleteItemFromObjectCaseSensitive(definition.get(), "release");
    if (additions.release.empty()) return;
    add_text(definition.get(), "release", additions.release);
    add_url(definition, "health", additions.health_url);
    cJSON* health = cJSON_GetObjectItemCaseSensitive(definition.get(), "health");
    if (cJSON_IsObject(health) && !cJSON_HasObjectItem(health, "interval"))
        cJSON_AddNumberToObject(health, "interval", additions.health_interval);
}

Result<> check(const std::string& definition, const std::string& node) {
    std::vector<definition::Problem> problems = definition::parse_and_check(definition).problems;
    if (problems.empty()) return {};
    return permanent_error("node ", node, ": its definition: ", problems[0].to_text());
}

} // namespace

Result<std::string> node_definition(const std::string& published, const NodeAdditions& additions) {
    Json definition = TRY(parse_json(published, "the publication's definition"));
    Json values(additions.values ? cJSON_Duplicate(additions.values, true) : cJSON_CreateObject());
    Json layers = take(values, "layers");
    Json upper = take(values, "upper");
    merge_patch(definition.get(), values.get());
    TRY(add_layers(definition, layers));
    TRY(set_upper(definition, std::move(upper)));
    for (const FilesLayer& layer : additions.files) {
        cJSON* lower = TRY(lower_of(definition, "files"));
        cJSON_InsertItemInArray(lower, 0, files_mount(layer).release());
    }
    add_default(definition, "hostname", additions.name);
    add_url(definition, "report", additions.report_url);
    add_url(definition, "files", additions.live_url);
    add_release(definition, additions);
    std::string written = print_json(definition);
    TRY(check(written, additions.name));
    return written;
}

} // namespace mangrove::head
