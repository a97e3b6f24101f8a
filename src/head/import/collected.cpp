#include "head/import/collected.h"

#include "head/host/json.h"

namespace mangrove::head {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

void append_once(cJSON* fields, const char* key, const std::string& word) {
    cJSON* list = cJSON_GetObjectItemCaseSensitive(fields, key);
    if (!list) list = cJSON_AddArrayToObject(fields, key);
    const cJSON* item = nullptr;
    cJSON_ArrayForEach(item, list) {
        if (cJSON_GetStringValue(item) == word) return;
    }
    cJSON_AddItemToArray(list, cJSON_CreateString(word.c_str()));
}

} // namespace

cJSON* object_at(cJSON* root, std::initializer_list<std::string_view> path) {
    for (std::string_view key : path) {
        std::string name(key);
        cJSON* inner = cJSON_GetObjectItemCaseSensitive(root, name.c_str());
        root = inner ? inner : cJSON_AddObjectToObject(root, name.c_str());
        if (!cJSON_IsObject(root)) return nullptr;
    }
    return root;
}

std::unexpected<Error> Collected::error(size_t line, std::string_view problem) const {
    return permanent_error(file_, ":", line, ": ", problem);
}

void Collected::ignore(size_t line, std::string_view what) {
    ignored_.push_back(text(file_, ":", line, ": ", what));
}

Object& Collected::object(const std::string& noun, const std::string& name, size_t line) {
    Object object{.noun = noun, .name = name};
    auto [place, is_new] = places_.try_emplace(object.key(), objects_.size());
    if (is_new) objects_.push_back({std::move(object), line});
    return objects_[place->second].object;
}

bool Collected::has(const std::string& noun, const std::string& name) const {
    return places_.contains(Object{.noun = noun, .name = name}.key());
}

void Collected::add_group(Object& node, const std::string& group) {
    append_once(node.fields.get(), "groups", group);
    named_groups_.insert(group.substr(group.starts_with('~') ? 1 : 0));
}

void Collected::add_mac(Object& node, const std::string& mac) {
    append_once(node.fields.get(), "macs", mac);
}

Result<Imported> Collected::finish() {
    Imported imported{.ignored = std::move(ignored_)};
    for (Placed& placed : objects_) {
        if (Result<> checked = check_object(placed.object); !checked)
            return error(placed.line, checked.error().what);
        imported.objects.push_back(std::move(placed.object));
    }
    for (const std::string& group : named_groups_) {
        if (has("group", group)) continue;
        if (Result<> checked = check_name("group", group); !checked)
            return permanent_error(file_, ": ", checked.error().what);
        imported.named_groups.push_back(group);
    }
    return imported;
}

std::vector<std::string> lines_of(std::string_view contents) {
    if (contents.starts_with(kByteOrderMark)) contents.remove_prefix(kByteOrderMark.size());
    std::vector<std::string> lines = split(contents, '\n');
    for (std::string& line : lines)
        if (line.ends_with('\r')) line.pop_back();
    if (!lines.empty() && lines.back().empty()) lines.pop_back();
    return lines;
}

} // namespace mangrove::head
