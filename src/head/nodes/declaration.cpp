#include "head/nodes/declaration.h"

#include <algorithm>

#include "head/host/files.h"
#include "head/host/json.h"
#include "head/host/yaml.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

constexpr std::pair<const char*, const char*> kSections[] = {{"groups", "group"}, {"nodes", "node"}};

bool is_declaration(const fs::path& file) {
    return file.extension() == ".yaml" || file.extension() == ".yml" || file.extension() == ".json";
}

Result<std::vector<fs::path>> files_at(const fs::path& path) {
    std::error_code problem;
    if (!fs::is_directory(path, problem)) return std::vector<fs::path>{path};
    std::vector<fs::path> files;
    for (auto entry = fs::directory_iterator(path, problem); !problem && entry != fs::directory_iterator();
         entry.increment(problem))
        if (is_declaration(entry->path())) files.push_back(entry->path());
    if (problem) return system_error(problem.value(), path.native());
    if (files.empty())
        return permanent_error(path.native(), ": no files *.yaml, *.yml or *.json; see mangrovectl export");
    std::ranges::sort(files);
    return files;
}

/// Collects the objects of all files.
class Declaration {
  public:
    Result<> add_file(const fs::path& file) {
        std::string contents = TRY(read_file(file));
        return add(TRY(file.extension() == ".json" ? parse_json(contents, file.native())
                                                   : parse_yaml(contents, file.native())),
                   file);
    }

    Result<> add(const Json& json, const fs::path& origin) {
        if (cJSON_IsNull(json.get())) return {};
        if (!cJSON_IsObject(json.get()))
            return permanent_error(origin.native(), ": expected nodes: or groups:");
        for (cJSON* section = json->child; section; section = section->next)
            TRY(add_section(origin, section));
        return {};
    }

    Edits take() { return std::move(edits_); }

  private:
    Result<> add_section(const fs::path& file, const cJSON* section) {
        auto known = std::ranges::find(kSections, section->string,
                                       [](const auto& one) { return std::string(one.first); });
        if (known == std::end(kSections))
            return permanent_error(file.native(), ": unknown key ", quoted_name(section->string),
                                   " (expected nodes or groups)",
                                   did_you_mean(section->string, {"nodes", "groups"}));
        if (!cJSON_IsObject(section) && !cJSON_IsNull(section))
            return permanent_error(file.native(), ": ", section->string,
                                   ": expected names with their fields");
        for (const cJSON* one = section->child; one; one = one->next)
            TRY(add_object(file, known->second, one));
        return {};
    }

    Result<> add_object(const fs::path& file, const char* noun, const cJSON* fields) {
        Object object{.noun = noun, .name = fields->string};
        if (!cJSON_IsNull(fields)) object.fields = Json(cJSON_Duplicate(fields, true));
        Result<> checked = check_object(object);
        if (!checked) return permanent_error(file.native(), ": ", checked.error().what);
        std::string key = object.key();
        std::string title = object.title();
        auto [found, is_new] = edits_.try_emplace(key, std::move(object));
        if (!is_new)
            return permanent_error(file.native(), ": ", title, ": also in ", files_[key].native(),
                                   "; keep one of them");
        files_[key] = file;
        return {};
    }

    Edits edits_;
    std::map<std::string, fs::path> files_;
};

Edits take_edits(Declaration declaration, const Inventory& now, Others others) {
    Edits edits = declaration.take();
    if (others == Others::are_deleted)
        for (const auto& [key, object] : now.objects())
            edits.try_emplace(key, std::nullopt);
    return edits;
}

} // namespace

Result<Edits> read_declaration(const fs::path& path, const Inventory& now, Others others) {
    Declaration declaration;
    for (const fs::path& file : TRY(files_at(path)))
        TRY(declaration.add_file(file));
    return take_edits(std::move(declaration), now, others);
}

Result<Edits> read_declaration(const Json& json, const std::string& origin, const Inventory& now,
                               Others others) {
    Declaration declaration;
    TRY(declaration.add(json, origin));
    return take_edits(std::move(declaration), now, others);
}

Json declare(const Inventory& inventory, const std::string& noun) {
    Json json = make_json_object();
    cJSON* all = head::add_object(json.get(), (noun + "s").c_str());
    for (const std::string& name : inventory.names(noun))
        cJSON_AddItemToObject(all, name.c_str(),
                              cJSON_Duplicate(inventory.find(noun, name)->fields.get(), true));
    return json;
}

Result<> export_inventory(const Inventory& inventory, const fs::path& directory) {
    TRY(make_directories(directory));
    for (const auto& [section, noun] : kSections)
        TRY(write_file(directory / text(section, ".yaml"), to_yaml(declare(inventory, noun).get())));
    return {};
}

} // namespace mangrove::head
