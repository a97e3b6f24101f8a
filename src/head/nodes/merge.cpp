#include "head/nodes/merge.h"

#include "base/text.h"
#include "head/host/json.h"

namespace mangrove::head {

namespace {

/// Whether a path that begins with another is that one or in it.
bool is_below(const std::string& path, const std::string& parent) {
    return path.size() == parent.size() || path[parent.size()] == '.' || path[parent.size()] == '[';
}

/// Takes away what is known of `path` and all below it.
std::vector<Source> take_below(Sources& sources, const std::string& path) {
    std::vector<Source> taken;
    for (auto found = sources.lower_bound(path); found != sources.end() && found->first.starts_with(path);) {
        if (!is_below(found->first, path)) {
            ++found;
            continue;
        }
        for (Source& older : found->second.hides)
            taken.push_back(std::move(older));
        found->second.hides.clear();
        taken.push_back(std::move(found->second));
        found = sources.erase(found);
    }
    return taken;
}

/// Merges one object, which `from` gave.
class Merge {
  public:
    Merge(const std::string& from, Sources* sources) : from_(from), sources_(sources) {}

    void merge(cJSON* target, const cJSON* object, const std::string& path) {
        const cJSON* item = nullptr;
        cJSON_ArrayForEach(item, object) {
            std::string key = item->string;
            bool replaces = key.ends_with('!');
            if (replaces) key.pop_back();
            std::string at = join_path(path, key);
            cJSON* existing = cJSON_GetObjectItemCaseSensitive(target, key.c_str());
            bool can_join = existing && !replaces && (existing->type & 0xff) == (item->type & 0xff);
            if (can_join && sources_ && !existing->child && item->child) sources_->erase(at);
            if (can_join && cJSON_IsObject(item))
                merge(existing, item, at);
            else if (can_join && cJSON_IsArray(item))
                append(existing, item, at);
            else
                replace(target, key, item, at);
        }
    }

  private:
    void append(cJSON* list, const cJSON* items, const std::string& path) {
        int index = cJSON_GetArraySize(list);
        const cJSON* item = nullptr;
        cJSON_ArrayForEach(item, items) {
            cJSON_AddItemToArray(list, cJSON_Duplicate(item, true));
            note(text(path, "[", index++, "]"), item, {});
        }
    }

    void replace(cJSON* target, const std::string& key, const cJSON* item, const std::string& path) {
        std::vector<Source> hides = sources_ ? take_below(*sources_, path) : std::vector<Source>();
        bool is_filled = (cJSON_IsObject(item) || cJSON_IsArray(item)) && item->child;
        cJSON* fresh = !is_filled            ? cJSON_Duplicate(item, true)
                       : cJSON_IsArray(item) ? cJSON_CreateArray()
                                             : cJSON_CreateObject();
        if (cJSON_GetObjectItemCaseSensitive(target, key.c_str()))
            cJSON_ReplaceItemInObjectCaseSensitive(target, key.c_str(), fresh);
        else
            cJSON_AddItemToObject(target, key.c_str(), fresh);
        if (!is_filled) return note(path, item, std::move(hides));
        if (cJSON_IsArray(item))
            append(fresh, item, path);
        else
            merge(fresh, item, path);
        note_hidden(path, std::move(hides));
    }

    void note(const std::string& path, const cJSON* value, std::vector<Source> hides) {
        if (sources_)
            (*sources_)[path] = {.value = one_line(value), .from = from_, .hides = std::move(hides)};
    }

    /// The first value of a collection tells what the collection hides.
    void note_hidden(const std::string& path, std::vector<Source> hides) {
        if (!sources_ || hides.empty()) return;
        auto first = sources_->lower_bound(path);
        while (first != sources_->end() && !is_below(first->first, path))
            ++first;
        if (first != sources_->end()) first->second.hides = std::move(hides);
    }

    const std::string& from_;
    Sources* sources_;
};

} // namespace

void merge_into(cJSON* target, const cJSON* object, const std::string& from, Sources* sources,
                const std::string& path) {
    Merge(from, sources).merge(target, object, path);
}

std::string join_path(const std::string& parent, const std::string& key) {
    return parent.empty() ? key : text(parent, ".", key);
}

std::string one_line(const cJSON* json) {
    std::unique_ptr<char, decltype(&cJSON_free)> printed(cJSON_PrintUnformatted(json), cJSON_free);
    return printed.get();
}

Json description_of(const Sources& sources) {
    Json list(cJSON_CreateArray());
    for (const auto& [path, source] : sources) {
        cJSON* one = cJSON_CreateObject();
        add_text(one, "path", path);
        cJSON_AddItemToObject(one, "value", cJSON_Parse(source.value.c_str()));
        add_text(one, "from", source.from);
        cJSON* hides = cJSON_AddArrayToObject(one, "hides");
        for (const Source& hidden : source.hides) {
            cJSON* other = cJSON_CreateObject();
            cJSON_AddItemToObject(other, "value", cJSON_Parse(hidden.value.c_str()));
            add_text(other, "from", hidden.from);
            cJSON_AddItemToArray(hides, other);
        }
        cJSON_AddItemToArray(list.get(), one);
    }
    return list;
}

} // namespace mangrove::head
