#include "head/rollout/record_reader.h"

#include <cmath>
#include <limits>

#include "base/text.h"
#include "head/host/json.h"

namespace mangrove::head {

namespace {

constexpr double kLargestNumber = 9'007'199'254'740'992; // the whole numbers that a double holds exactly

bool is_whole(const cJSON* value) {
    return cJSON_IsNumber(value) && std::abs(value->valuedouble) <= kLargestNumber
           && std::trunc(value->valuedouble) == value->valuedouble;
}

std::string printed(const cJSON* json) {
    std::unique_ptr<char, decltype(&cJSON_free)> text(cJSON_PrintUnformatted(json), cJSON_free);
    return text.get();
}

std::string quoted(const char* name) {
    return printed(Json(cJSON_CreateString(name)).get());
}

} // namespace

RecordReader::RecordReader(const cJSON* object, std::string origin)
    : object_(object), origin_(std::move(origin)) {
    if (!cJSON_IsObject(object)) problem_ = "expected an object";
}

void RecordReader::fail(const char* key, std::string_view problem) {
    if (!problem_) problem_ = mangrove::text(key, ": ", problem);
}

const cJSON* RecordReader::find(const char* key) {
    known_.emplace_back(key);
    const cJSON* value = cJSON_GetObjectItemCaseSensitive(object_, key);
    if (!value) fail(key, "missing");
    return value;
}

bool RecordReader::has(const char* key) {
    known_.emplace_back(key);
    return cJSON_GetObjectItemCaseSensitive(object_, key) != nullptr;
}

std::string RecordReader::text(const char* key) {
    const cJSON* value = find(key);
    if (cJSON_IsString(value)) return value->valuestring;
    if (value) fail(key, "expected a text");
    return {};
}

std::vector<std::string> RecordReader::texts(const char* key) {
    std::vector<std::string> all;
    const cJSON* item = nullptr;
    cJSON_ArrayForEach(item, array(key)) {
        if (cJSON_IsString(item))
            all.emplace_back(item->valuestring);
        else
            fail(key, "expected a list of texts");
    }
    return all;
}

std::vector<std::string> RecordReader::texts_or_none(const char* key) {
    return has(key) ? texts(key) : std::vector<std::string>();
}

int64_t RecordReader::number(const char* key) {
    const cJSON* value = find(key);
    if (is_whole(value)) return static_cast<int64_t>(value->valuedouble);
    if (value) fail(key, "expected a whole number");
    return 0;
}

uint32_t RecordReader::count(const char* key) {
    int64_t value = number(key);
    if (value >= 0 && value <= std::numeric_limits<uint32_t>::max()) return static_cast<uint32_t>(value);
    fail(key, "expected a number from 0 to 4294967295");
    return 0;
}

bool RecordReader::flag(const char* key) {
    const cJSON* value = find(key);
    if (value && !cJSON_IsBool(value)) fail(key, "expected true or false");
    return cJSON_IsTrue(value);
}

const cJSON* RecordReader::object(const char* key) {
    const cJSON* value = find(key);
    if (cJSON_IsObject(value)) return value;
    if (value) fail(key, "expected an object");
    return nullptr;
}

const cJSON* RecordReader::array(const char* key) {
    const cJSON* value = find(key);
    if (cJSON_IsArray(value)) return value;
    if (value) fail(key, "expected a list");
    return nullptr;
}

size_t RecordReader::index_of(const char* key, std::span<const std::string_view> names) {
    std::string name = text(key);
    const auto found = std::ranges::find(names, name);
    if (found != names.end()) return static_cast<size_t>(found - names.begin());
    std::vector<std::string> known(names.begin(), names.end());
    fail(key, mangrove::text("unknown value ", quoted(name.c_str()), "; known are ", join(known, ", ")));
    return 0;
}

Result<> RecordReader::finish(Unknown unknown) {
    const cJSON* member = nullptr;
    if (problem_) return permanent_error(origin_, ": ", *problem_);
    if (unknown == Unknown::ignored) return {};
    cJSON_ArrayForEach(member, object_) {
        const char* key = member->string;
        if (std::ranges::find(known_, key) == known_.end()) {
            fail(quoted(key).c_str(), "unknown member");
            break;
        }
        if (cJSON_GetObjectItemCaseSensitive(object_, key) != member)
            fail(quoted(key).c_str(), "occurs twice");
    }
    if (problem_) return permanent_error(origin_, ": ", *problem_);
    return {};
}

Result<Json> parse_record(const std::string& text, std::string_view origin) {
    const char* end = nullptr;
    Json json(cJSON_ParseWithLengthOpts(text.data(), text.size(), &end, false));
    if (!json) return permanent_error(origin, ": not JSON");
    std::string_view rest = std::string_view(text).substr(static_cast<size_t>(end - text.data()));
    if (!trim(rest).empty()) return permanent_error(origin, ": unexpected text after the JSON");
    if (!cJSON_IsObject(json.get())) return permanent_error(origin, ": expected an object");
    return json;
}

std::string canonical_json(const cJSON* json) {
    if (!cJSON_IsObject(json) && !cJSON_IsArray(json)) return printed(json);
    std::vector<std::string> items;
    const cJSON* item = nullptr;
    cJSON_ArrayForEach(item, json) {
        std::string value = canonical_json(item);
        items.push_back(cJSON_IsObject(json) ? text(quoted(item->string), ":", value) : std::move(value));
    }
    if (cJSON_IsArray(json)) return text("[", join(items, ","), "]");
    std::ranges::sort(items);
    return text("{", join(items, ","), "}");
}

void add_unless_empty(cJSON* object, const char* key, const std::string& value) {
    if (!value.empty()) add_text(object, key, value);
}

void add_unless_empty(cJSON* object, const char* key, const std::vector<std::string>& values) {
    if (!values.empty()) add_texts(object, key, values);
}

void add_unless_zero(cJSON* object, const char* key, int64_t value) {
    if (value != 0) cJSON_AddNumberToObject(object, key, static_cast<double>(value));
}

void add_if(cJSON* object, const char* key, bool value) {
    if (value) cJSON_AddTrueToObject(object, key);
}

} // namespace mangrove::head
