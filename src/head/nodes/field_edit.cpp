#include "head/nodes/field_edit.h"

#include "head/host/json.h"
#include "head/host/yaml.h"

namespace mangrove::head {

namespace {

enum class Operation { set, add, remove };

struct Assignment {
    std::string path;
    Operation operation = Operation::set;
    std::string value;
};

Result<Assignment> parse_assignment(const std::string& written) {
    size_t equals = written.find('=');
    if (equals == std::string::npos || equals == 0)
        return permanent_error("'", written, "': expected FIELD=VALUE, FIELD+=VALUE or FIELD-=VALUE");
    Assignment assignment{.path = written.substr(0, equals), .value = written.substr(equals + 1)};
    if (assignment.path.ends_with('+')) assignment.operation = Operation::add;
    if (assignment.path.ends_with('-')) assignment.operation = Operation::remove;
    if (assignment.operation != Operation::set) assignment.path.pop_back();
    return assignment;
}

/// Values of an administrator are most often meant by a name that is no field.
Result<FieldType> type_of(const std::string& noun, const std::string& path) {
    Result<FieldType> type = field_type(noun, path);
    if (type || path.find('.') != std::string::npos) return type;
    return permanent_error(type.error().what, " (for a value: values.", path, ")");
}

Result<Json> json_of(const std::string& path, const std::string& value) {
    if (std::string_view("[{\"").find(value.empty() ? ' ' : value[0]) != std::string::npos)
        return parse_json(value, text(path, ": ", quoted_name(value)));
    return plain_value(value);
}

Result<Json> value_of(FieldType type, const Assignment& assignment) {
    if (type == FieldType::text) return Json(cJSON_CreateString(assignment.value.c_str()));
    if (type != FieldType::texts) return json_of(assignment.path, assignment.value);
    Json list(cJSON_CreateArray());
    for (const std::string& word : split(assignment.value, ','))
        if (!word.empty()) cJSON_AddItemToArray(list.get(), cJSON_CreateString(word.c_str()));
    return list;
}

/// The object that holds the last key of the path; nullptr where it is missing and `make` is false.
Result<cJSON*> parent_of(cJSON* object, const std::string& path, bool make) {
    std::vector<std::string> keys = split(path, '.');
    keys.pop_back();
    for (const std::string& key : keys) {
        cJSON* inner = cJSON_GetObjectItemCaseSensitive(object, key.c_str());
        if (!inner && !make) return nullptr;
        if (!inner) inner = add_object(object, key.c_str());
        if (!cJSON_IsObject(inner)) return permanent_error(path, ": ", key, " is no object");
        object = inner;
    }
    return object;
}

std::string last_key(const std::string& path) {
    return path.substr(path.rfind('.') + 1);
}

void remove_equal(cJSON* list, const cJSON* item) {
    for (int i = cJSON_GetArraySize(list) - 1; i >= 0; --i)
        if (cJSON_Compare(cJSON_GetArrayItem(list, i), item, true)) cJSON_DeleteItemFromArray(list, i);
}

/// Adds each of `items` at the end of the list, or removes it; none is there twice.
Result<> edit_list(cJSON* list, const cJSON* items, const Assignment& assignment) {
    if (!cJSON_IsArray(list)) return permanent_error(assignment.path, ": not a list; use = to replace it");
    auto edit = [&](const cJSON* item) {
        bool is_there = false;
        for (const cJSON* one = list->child; one; one = one->next)
            is_there = is_there || cJSON_Compare(one, item, true);
        if (assignment.operation == Operation::remove) remove_equal(list, item);
        if (assignment.operation == Operation::add && !is_there)
            cJSON_AddItemToArray(list, cJSON_Duplicate(item, true));
    };
    if (!cJSON_IsArray(items)) return edit(items), Result<>();
    for (const cJSON* item = items->child; item; item = item->next)
        edit(item);
    return {};
}

/// Elements to compare with need the notation that the database has.
Result<Json> normalized(const Object& object, const std::string& path, Json value) {
    if (path != "macs") return value;
    Object checked{.noun = object.noun, .name = object.name};
    cJSON_AddItemToObject(checked.fields.get(), path.c_str(), value.release());
    TRY(check_object(checked));
    return Json(cJSON_DetachItemFromObjectCaseSensitive(checked.fields.get(), path.c_str()));
}

} // namespace

Result<> set_field(Object& object, const std::string& written) {
    Assignment assignment = TRY(parse_assignment(written));
    const std::string& path = assignment.path;
    FieldType type = TRY(type_of(object.noun, path));
    Json value = TRY(normalized(object, path, TRY(value_of(type, assignment))));
    cJSON* parent = TRY(parent_of(object.fields.get(), path, true));
    std::string key = last_key(path);
    if (key.empty()) return permanent_error("'", written, "': a key is empty");
    if (assignment.operation == Operation::set) {
        cJSON_DeleteItemFromObjectCaseSensitive(parent, key.c_str());
        cJSON_AddItemToObject(parent, key.c_str(), value.release());
        return {};
    }
    cJSON* list = cJSON_GetObjectItemCaseSensitive(parent, key.c_str());
    if (!list && assignment.operation == Operation::remove) return {};
    return edit_list(list ? list : cJSON_AddArrayToObject(parent, key.c_str()), value.get(), assignment);
}

Result<> unset_field(Object& object, const std::string& path) {
    TRY(type_of(object.noun, path));
    if (cJSON* parent = TRY(parent_of(object.fields.get(), path, false)))
        cJSON_DeleteItemFromObjectCaseSensitive(parent, last_key(path).c_str());
    return {};
}

} // namespace mangrove::head
