#include "head/nodes/etcd_requests.h"

#include "base/text.h"
#include "head/host/base64.h"
#include "head/host/json.h"

namespace mangrove::head {

namespace {

void add_bytes(cJSON* json, const char* key, const std::string& bytes) {
    add_text(json, key, base64(bytes));
}

void add_keys(cJSON* json, const KeyRange& keys) {
    add_bytes(json, "key", keys.begin);
    if (!keys.end.empty()) add_bytes(json, "range_end", keys.end);
}

const cJSON* item(const cJSON* json, const char* key) {
    return cJSON_GetObjectItemCaseSensitive(json, key);
}

} // namespace

KeyRange keys_below(const std::string& prefix) {
    KeyRange range{.begin = prefix, .end = prefix};
    ++range.end.back();
    return range;
}

Operation put(std::string key, std::string value) {
    return {.keys = {std::move(key), {}}, .value = std::move(value), .is_put = true};
}

Operation remove(KeyRange keys) {
    return {.keys = std::move(keys)};
}

EtcdTransaction::EtcdTransaction()
    : json_(make_json_object()), compare_(cJSON_AddArrayToObject(json_.get(), "compare")),
      success_(cJSON_AddArrayToObject(json_.get(), "success")) {}

cJSON* EtcdTransaction::add_compare(const std::string& key, const char* target) {
    cJSON* compare = cJSON_CreateObject();
    add_bytes(compare, "key", key);
    add_text(compare, "target", target);
    add_text(compare, "result", "EQUAL");
    cJSON_AddItemToArray(compare_, compare);
    return compare;
}

cJSON* EtcdTransaction::add_operation(const char* kind, const KeyRange& keys) {
    cJSON* operation = cJSON_CreateObject();
    cJSON* request = add_object(operation, kind);
    add_keys(request, keys);
    cJSON_AddItemToArray(success_, operation);
    return request;
}

EtcdTransaction& EtcdTransaction::require_value(const std::string& key, const std::string& value) {
    add_bytes(add_compare(key, "VALUE"), "value", value);
    return *this;
}

EtcdTransaction& EtcdTransaction::require_mod_revision(const std::string& key, uint64_t revision) {
    add_long_number(add_compare(key, "MOD"), "mod_revision", revision);
    return *this;
}

EtcdTransaction& EtcdTransaction::add(const Operation& operation, uint64_t lease) {
    cJSON* request = add_operation(operation.is_put ? "request_put" : "request_delete_range", operation.keys);
    if (operation.is_put) add_bytes(request, "value", operation.value);
    if (lease != 0) add_long_number(request, "lease", lease);
    return *this;
}

EtcdTransaction& EtcdTransaction::read(const KeyRange& keys, size_t limit) {
    add_long_number(add_operation("request_range", keys), "limit", limit);
    return *this;
}

Json range_request(const KeyRange& keys, size_t limit, uint64_t at) {
    Json json = make_json_object();
    add_keys(json.get(), keys);
    add_long_number(json.get(), "limit", limit);
    add_long_number(json.get(), "revision", at);
    return json;
}

Json watch_request(const std::string& key, uint64_t from) {
    Json json = make_json_object();
    cJSON* create = add_object(json.get(), "create_request");
    add_bytes(create, "key", key);
    add_long_number(create, "start_revision", from);
    return json;
}

RangeAnswer range_answer(const cJSON* json) {
    RangeAnswer answer{.found = {}, .has_more = cJSON_IsTrue(item(json, "more")) != 0};
    const cJSON* one = nullptr;
    cJSON_ArrayForEach(one, item(json, "kvs")) {
        answer.found.push_back({.key = from_base64(text_at(one, "key")),
                                .value = from_base64(text_at(one, "value")),
                                .mod_revision = long_number_at(one, "mod_revision"),
                                .lease = long_number_at(one, "lease")});
    }
    return answer;
}

std::vector<RangeAnswer> range_answers(const Json& transaction) {
    std::vector<RangeAnswer> answers;
    const cJSON* one = nullptr;
    cJSON_ArrayForEach(one, item(transaction.get(), "responses")) {
        if (const cJSON* range = item(one, "response_range")) answers.push_back(range_answer(range));
    }
    return answers;
}

bool has_succeeded(const Json& transaction) {
    return cJSON_IsTrue(item(transaction.get(), "succeeded")) != 0;
}

uint64_t etcd_revision(const Json& answer) {
    return long_number_at(item(answer.get(), "header"), "revision");
}

uint64_t long_number_at(const cJSON* json, const char* key) {
    return parse_number(text_at(json, key)).value_or(0);
}

void add_long_number(cJSON* json, const char* key, uint64_t number) {
    add_text(json, key, text(number));
}

} // namespace mangrove::head
