#include "head/serve/node_definition.h"

#include "definition/parse.h"
#include "head/host/json.h"
#include "trust/node_files.h"

namespace mangrove::head {

namespace {

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

Result<Json> with_values(const std::string& published, const cJSON* given) {
    Json definition = TRY(parse_json(published, "the publication's definition"));
    Json values(given ? cJSON_Duplicate(given, true) : cJSON_CreateObject());
    Json layers = take(values, "layers");
    Json upper = take(values, "upper");
    merge_patch(definition.get(), values.get());
    TRY(add_layers(definition, layers));
    TRY(set_upper(definition, std::move(upper)));
    return definition;
}

Result<> check(const std::string& definition, const std::string& node) {
    std::vector<definition::Problem> problems = definition::parse_and_check(definition).problems;
    if (problems.empty()) return {};
    return permanent_error("node ", node, ": its definition: ", problems[0].to_text());
}

} // namespace

Json definition_values(const cJSON* values, const Release* release) {
    const cJSON* own = cJSON_GetObjectItemCaseSensitive(values, "definition");
    Json merged(own ? cJSON_Duplicate(own, true) : cJSON_CreateObject());
    if (release) merge_patch(merged.get(), release->definition.get());
    return merged;
}

bool keeps_writes(const std::string& definition) {
    Json json(cJSON_Parse(definition.c_str()));
    const cJSON* upper = cJSON_GetObjectItemCaseSensitive(overlay_of(json), "upper");
    return cJSON_GetObjectItemCaseSensitive(upper, "mount") != nullptr;
}

Result<std::string> shared_definition(const std::string& published, const cJSON* values) {
    return print_json(TRY(with_values(published, values)));
}

Result<std::string> node_definition(const std::string& published, const NodeAdditions& additions) {
    Json definition = TRY(with_values(published, additions.values));
    for (const std::string& digest : additions.files) {
        cJSON* lower = TRY(lower_of(definition, "files"));
        cJSON_InsertItemInArray(lower, 0, trust::files_layer(additions.files_url, digest).release());
    }
    add_default(definition, "hostname", additions.name);
    add_url(definition, "report", additions.report_url);
    add_url(definition, "files", additions.live_url);
    add_release(definition, additions);
    std::string written = print_json(definition);
    TRY(check(written, additions.name));
    return written;
}

Result<std::string> signed_node_definition(const SignedDefinition& definition, const std::string& mac,
                                           const NodeAdditions& additions) {
    if (!additions.live_url.empty())
        return permanent_error(
            "files: the definition is signed, and live files cannot be, because they change "
            "while a node runs; take them off the node, or put them into the image");
    trust::Envelope envelope = definition.envelope;
    Json keys(additions.values ? cJSON_Duplicate(additions.values, true) : cJSON_CreateObject());
    add_default(keys, "hostname", additions.name);
    add_url(keys, "report", additions.report_url);
    add_release(keys, additions);
    if (definition.tree.files().contains(mac))
        cJSON_AddItemToObject(keys.get(), trust::kOwnFiles,
                              definition.tree.own_files(mac, additions.files_url).release());
    envelope.additions = print_json(keys);
    std::string opened = TRY(trust::with_additions(envelope), "reading values.definition");
    TRY(check(TRY(trust::with_own_files(opened, {mac})), additions.name));
    return trust::envelope_text(envelope);
}

} // namespace mangrove::head
