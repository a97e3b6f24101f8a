#include "head/import/import.h"

#include <algorithm>
#include <iterator>

namespace mangrove::head {

namespace {

struct Format {
    const char* name;
    Result<Imported> (*read)(const std::string& contents, const std::string& file);
    ImportScope scope;
};

constexpr Format kFormats[] = {
    {"warewulf", import_warewulf, ImportScope::whole_objects},
    {"csv", import_csv, ImportScope::some_fields},
    {"yaml", import_yaml, ImportScope::whole_objects},
    {"dnsmasq", import_dnsmasq, ImportScope::some_fields},
    {"genders", import_genders, ImportScope::some_fields},
};

/// Puts what `source` has into `target`; objects member by member.
void overlay(cJSON* target, const cJSON* source) {
    const cJSON* item = nullptr;
    cJSON_ArrayForEach(item, source) {
        cJSON* existing = cJSON_GetObjectItemCaseSensitive(target, item->string);
        if (cJSON_IsObject(existing) && cJSON_IsObject(item)) {
            overlay(existing, item);
        } else {
            cJSON_DeleteItemFromObjectCaseSensitive(target, item->string);
            cJSON_AddItemToObject(target, item->string, cJSON_Duplicate(item, true));
        }
    }
}

} // namespace

std::vector<std::string> import_format_names() {
    std::vector<std::string> names;
    for (const Format& format : kFormats)
        names.emplace_back(format.name);
    return names;
}

Result<Imported> import_text(const std::string& format, const std::string& contents,
                             const std::string& file) {
    const auto* known = std::ranges::find(kFormats, format, &Format::name);
    std::vector<std::string> names = import_format_names();
    if (known == std::end(kFormats))
        return permanent_error("--from: unknown format '", format, "'", did_you_mean(format, names),
                               "; there are ", join(names, ", "));
    if (size_t nul = contents.find('\0'); nul != std::string::npos)
        return permanent_error(file, ":", std::ranges::count(contents.substr(0, nul), '\n') + 1,
                               ": a NUL byte, which no text has");
    Imported imported = TRY(known->read(contents, file));
    imported.scope = known->scope;
    return imported;
}

Edits edits_of(Imported imported, const Inventory& now) {
    Edits edits;
    for (const std::string& name : imported.named_groups)
        if (Object group{.noun = "group", .name = name}; !now.objects().contains(group.key())) {
            std::string key = group.key();
            edits.emplace(std::move(key), std::move(group));
        }
    for (Object& object : imported.objects) {
        const Object* existing = now.find(object.noun, object.name);
        if (existing && imported.scope == ImportScope::some_fields) {
            Object merged = copy_of(*existing);
            overlay(merged.fields.get(), object.fields.get());
            object = std::move(merged);
        }
        std::string key = object.key();
        edits.insert_or_assign(std::move(key), std::move(object));
    }
    return edits;
}

} // namespace mangrove::head
