#include "live/state.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/json.h"

namespace mangrove {

namespace {

constexpr std::string_view kKinds[] = {"file", "link", "other"};
constexpr std::string_view kReasons[] = {"changed", "gone", "in the way", "unsupported", "failed"};

/// The enumerator that this is the name of; the first one where it is none.
template <typename Enum, size_t size>
Enum named(const std::string_view (&names)[size], const std::string& name) {
    const auto* found = std::ranges::find(names, name);
    return static_cast<Enum>(found == std::end(names) ? 0 : found - names);
}

template <typename Enum, size_t size>
void add_name(cJSON* json, const char* key, const std::string_view (&names)[size], Enum value) {
    cJSON_AddStringToObject(json, key, std::string(names[static_cast<size_t>(value)]).c_str());
}

void add_version(cJSON* json, const FileVersion& version) {
    add_name(json, "kind", kKinds, version.kind);
    cJSON_AddNumberToObject(json, "mode", version.mode);
    cJSON_AddNumberToObject(json, "owner", static_cast<double>(version.owner));
    cJSON_AddNumberToObject(json, "group", static_cast<double>(version.group));
    cJSON_AddStringToObject(json, "digest", version.digest.c_str());
}

std::optional<FileVersion> version_in(const cJSON* json, const char* key) {
    const cJSON* object = cJSON_GetObjectItemCaseSensitive(json, key);
    if (!object) return std::nullopt;
    return FileVersion{.kind = named<FileVersion::Kind>(kKinds, text_at(object, "kind")),
                       .mode = static_cast<unsigned>(number_at(object, "mode")),
                       .owner = number_at(object, "owner"),
                       .group = number_at(object, "group"),
                       .digest = text_at(object, "digest")};
}

bool is_true(const cJSON* json, const char* key) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, key)) != 0;
}

Time time_at(const cJSON* json, const char* key) {
    const cJSON* value = cJSON_GetObjectItemCaseSensitive(json, key);
    return Time(milliseconds(cJSON_IsNumber(value) ? std::llround(value->valuedouble * 1000) : 0));
}

void add_file(cJSON* files, const std::string& path, const LiveFile& file) {
    cJSON* json = cJSON_AddObjectToObject(files, path.c_str());
    if (file.applied) add_version(cJSON_AddObjectToObject(json, "applied"), *file.applied);
    if (file.next) add_version(cJSON_AddObjectToObject(json, "next"), *file.next);
    if (file.was_there) cJSON_AddTrueToObject(json, "was_there");
    if (file.is_gone) cJSON_AddTrueToObject(json, "gone");
}

} // namespace

std::string to_json(const LiveState& state) {
    Json json = make_json_object();
    cJSON_AddStringToObject(json.get(), "server", state.server.c_str());
    cJSON_AddNumberToObject(json.get(), "interval", static_cast<double>(state.interval.count()));
    cJSON_AddStringToObject(json.get(), "version", state.version.c_str());
    cJSON_AddNumberToObject(json.get(), "fetched", in_seconds(state.fetched.time_since_epoch()));
    cJSON_AddNumberToObject(json.get(), "answered", in_seconds(state.answered.time_since_epoch()));
    if (state.is_missing) cJSON_AddTrueToObject(json.get(), "missing");
    if (!state.error.empty()) cJSON_AddStringToObject(json.get(), "error", state.error.c_str());
    cJSON* files = cJSON_AddObjectToObject(json.get(), "files");
    for (const auto& [path, file] : state.files)
        add_file(files, path, file);
    cJSON* left = cJSON_AddObjectToObject(json.get(), "left");
    for (const auto& [path, file] : state.left) {
        cJSON* entry = cJSON_AddObjectToObject(left, path.c_str());
        add_name(entry, "why", kReasons, file.why);
        cJSON_AddStringToObject(entry, "what", file.what.c_str());
    }
    return print_json(json) + "\n";
}

Result<LiveState> parse_live_state(const std::string& written) {
    Json json(cJSON_Parse(written.c_str()));
    if (!json) return permanent_error("it is not JSON");
    LiveState state = {.server = text_at(json.get(), "server"),
                       .interval = seconds(number_at(json.get(), "interval")),
                       .version = text_at(json.get(), "version"),
                       .fetched = time_at(json.get(), "fetched"),
                       .answered = time_at(json.get(), "answered"),
                       .is_missing = is_true(json.get(), "missing"),
                       .error = text_at(json.get(), "error")};
    const cJSON* entry = nullptr;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(json.get(), "files"))
        state.files[entry->string] = {.applied = version_in(entry, "applied"),
                                      .next = version_in(entry, "next"),
                                      .was_there = is_true(entry, "was_there"),
                                      .is_gone = is_true(entry, "gone")};
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(json.get(), "left"))
        state.left[entry->string] = {.why = named<LeftFile::Why>(kReasons, text_at(entry, "why")),
                                     .what = text_at(entry, "what")};
    return state;
}

} // namespace mangrove
