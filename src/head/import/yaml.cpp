/// Nodes and groups as `export` writes them, with lines in the errors.

#include "head/import/collected.h"
#include "head/import/yaml_tree.h"

namespace mangrove::head {

namespace {

constexpr std::pair<std::string_view, const char*> kSections[] = {{"groups", "group"}, {"nodes", "node"}};

const char* noun_of(std::string_view section) {
    for (const auto& [name, noun] : kSections)
        if (name == section) return noun;
    return nullptr;
}

} // namespace

Result<Imported> import_yaml(const std::string& contents, const std::string& file) {
    Collected collected(file);
    YamlTree tree = TRY(parse_yaml_tree(contents, file));
    if (tree.kind == YamlTree::Kind::scalar || tree.kind == YamlTree::Kind::list)
        return collected.error(tree.line, "expected nodes: or groups:");
    for (const auto& [section, objects] : tree.entries) {
        const char* noun = noun_of(section);
        if (!noun)
            return collected.error(objects.line, text("unknown key '", section, "'",
                                                      did_you_mean(section, {"nodes", "groups"}),
                                                      "; known are nodes, groups"));
        if (objects.kind == YamlTree::Kind::scalar || objects.kind == YamlTree::Kind::list)
            return collected.error(objects.line, text(section, ": expected names with their fields"));
        for (const auto& [name, fields] : objects.entries) {
            Object& object = collected.object(noun, name, fields.line);
            if (fields.kind != YamlTree::Kind::null) object.fields = to_json(fields);
        }
    }
    return collected.finish();
}

} // namespace mangrove::head
