#include "head/files/rendered_tree.h"

#include <algorithm>
#include <set>

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

bool is_template(const std::string& name, const TreeFile& file) {
    fs::path extension = fs::path(name).extension();
    return file.kind == '-' && (extension == ".tmpl" || extension == ".ww");
}

/// An error where the name leads out of the tree.
Result<std::string> place_of(const std::string& of, const std::string& name) {
    fs::path path(of);
    if (name.empty()) return path.replace_extension().native();
    fs::path place =
        fs::path(name).is_absolute() ? fs::path(name).relative_path() : path.parent_path() / name;
    place = place.lexically_normal();
    std::string written = place.native();
    if (written.empty() || written == "." || written == ".." || written.starts_with("../")
        || written.ends_with('/'))
        return permanent_error("template: ", of, ": '", name, "' is no file of the set");
    return written;
}

/// A file in the place of a directory that another path leads through would be ambiguous.
Result<> check_parents(const FileTree& tree) {
    for (const auto& [name, file] : tree)
        for (fs::path parent = fs::path(name).parent_path(); !parent.empty(); parent = parent.parent_path()) {
            auto found = tree.find(parent);
            if (found != tree.end() && found->second.kind != 'd')
                return permanent_error(name, ": ", parent.native(), " is not a directory of the set");
        }
    return {};
}

} // namespace

std::vector<Template> templates_of(const FileTree& tree) {
    std::vector<Template> templates;
    for (const auto& [name, file] : tree)
        if (is_template(name, file)) templates.push_back({name, file.contents});
    return templates;
}

bool reads_all_nodes(const std::vector<Template>& templates) {
    return std::ranges::any_of(templates, [](const Template& one) { return one.text.contains("AllNodes"); });
}

bool reads_secrets(const std::vector<Template>& templates) {
    return std::ranges::any_of(templates, [](const Template& one) {
        return one.text.contains("secret") || one.text.contains("Password");
    });
}

Result<FileTree> rendered_tree(const FileTree& tree, const std::vector<const Rendering*>& renderings) {
    FileTree rendered;
    for (const auto& [name, file] : tree)
        if (!is_template(name, file)) rendered.emplace(name, file);
    std::map<std::string, std::string> makers;
    auto next = renderings.begin();
    for (const auto& [name, file] : tree) {
        if (!is_template(name, file)) continue;
        const Rendering& rendering = **next++;
        if (!rendering) return std::unexpected(rendering.error());
        for (const RenderedFile& made : *rendering) {
            std::string place = TRY(place_of(name, made.name));
            auto [maker, is_new] = makers.emplace(place, name);
            if (!is_new)
                return permanent_error("template: ", name, ": ", place, " is made by ", maker->second,
                                       ", too");
            TreeFile& target = rendered[place];
            target = file;
            target.hard_link.clear();
            target.contents = made.contents;
            if (made.target.empty()) continue;
            target = {.kind = 'l',
                      .permissions = 0777,
                      .owner = file.owner,
                      .group = file.group,
                      .detail = made.target};
        }
    }
    TRY(check_parents(rendered));
    return rendered;
}

} // namespace mangrove::head
