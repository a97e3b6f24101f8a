#include "head/files/file_sets.h"

#include <algorithm>
#include <unistd.h>

#include "head/files/rendered_tree.h"
#include "head/host/base64.h"
#include "head/host/json.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

/// Warewulf's own name for the tree of an overlay.
constexpr const char* kRootfs = "rootfs";

std::string node_json(const Inventory& inventory, const Object& node, const GivenSecrets& secrets) {
    ResolvedNode resolved = inventory.resolve(node);
    cJSON* fields = resolved.fields.get();
    std::string trust = text_at(cJSON_GetObjectItemCaseSensitive(fields, "values"), "trust");
    add_text(fields, "name", node.name);
    cJSON_AddBoolToObject(fields, "open", trust.empty() ? secrets.is_open : trust == "open");
    return print_json(resolved.fields);
}

Result<std::vector<std::string>> json_of(const Inventory& inventory, const std::vector<std::string>& names,
                                         const GivenSecrets& secrets) {
    std::vector<std::string> all;
    for (const std::string& name : names)
        all.push_back(node_json(inventory, *TRY(inventory.get("node", name)), secrets));
    return all;
}

std::string common_json(const std::string& set, const GivenSecrets& secrets) {
    char host[256] = {};
    ::gethostname(host, sizeof host - 1);
    Json json = make_json_object();
    add_text(json.get(), "set", set);
    add_text(json.get(), "host", host);
    cJSON* values = add_object(json.get(), "secrets");
    for (const auto& [name, value] : secrets.values)
        add_text(values, name.c_str(), base64(value));
    return print_json(json);
}

/// The results, filled by the threads that render.
class Results {
  public:
    explicit Results(size_t count) : rendered_(count), errors_(count) {}

    void add(size_t node, RenderedFor one) { rendered_[node] = std::move(one); }
    void add_error(size_t node, std::string error) { errors_[node].push_back(std::move(error)); }

    RenderedFiles finish(const std::vector<std::string>& nodes) {
        RenderedFiles all;
        std::map<std::string, size_t> places;
        for (size_t i = 0; i < nodes.size(); ++i) {
            if (errors_[i].empty()) all.nodes.push_back(std::move(rendered_[i]));
            for (const std::string& error : errors_[i]) {
                auto [place, is_new] = places.try_emplace(error, all.problems.size());
                if (is_new) all.problems.push_back({error, {}});
                all.problems[place->second].nodes.push_back(nodes[i]);
            }
        }
        return all;
    }

  private:
    // Each node has one place, so that no thread touches another's.
    std::vector<RenderedFor> rendered_;
    std::vector<std::vector<std::string>> errors_;
};

} // namespace

Result<ImportedFiles> import_files(Database& database, const FileStore& store, const std::string& name,
                                   fs::path from, const std::string& moment) {
    TRY(check_name("files", name));
    if (!moment.empty() && moment != "boot" && moment != "live")
        return permanent_error("--moment: expected boot or live, got '", moment, "'");
    std::error_code problem;
    if (fs::is_directory(from / kRootfs, problem)) from /= kRootfs;
    FileTree tree = TRY(read_tree(from));
    if (tree.empty()) return permanent_error(from.native(), ": empty; name a directory with files");
    Result<FileSet> before = find_file_set(database, name);
    ImportedFiles imported;
    imported.set = before ? *before : FileSet{.name = name, .revision = {}};
    if (before) imported.before = before->revision;
    if (!moment.empty()) imported.set.moment = moment;
    imported.set = TRY(commit_revision(database, store, std::move(imported.set), tree));
    return imported;
}

Result<FileTree::const_iterator> find_file(const FileTree& tree, const std::string& set,
                                           const std::string& path) {
    auto found = tree.find(path.substr(path.starts_with('/') ? 1 : 0));
    if (found != tree.end()) return found;
    std::vector<std::string> names;
    for (const auto& [name, file] : tree)
        names.push_back(name);
    return permanent_error("files ", set, ": no file '", path, "'", did_you_mean(path, names));
}

Result<FileTree> with_contents(FileTree tree, const std::string& set, const std::string& path,
                               const std::string& contents) {
    auto found = TRY(find_file(tree, set, path));
    if (found->second.kind != '-')
        return permanent_error("files ", set, ": ", found->first,
                               ": not a regular file; change it in a directory and import that");
    std::string hard_link = found->second.hard_link;
    for (auto& [name, file] : tree)
        if (&file == &found->second || (!hard_link.empty() && file.hard_link == hard_link))
            file.contents = contents;
    return tree;
}

Result<FileSet> commit_revision(Database& database, const FileStore& store, FileSet set,
                                const FileTree& tree) {
    set.revision = TRY(store.add(set.name, tree));
    Result<uint64_t> written = database.commit({{set.key(), to_json(set), set.read_at}});
    if (!written && written.error().code == ESTALE)
        return permanent_error("files ", set.name, ": changed meanwhile; run the command again");
    set.read_at = TRY(std::move(written));
    return set;
}

Result<FileSet> remove_files(Database& database, const FileStore& store, const Inventory& inventory,
                             const std::string& name) {
    FileSet set = TRY(find_file_set(database, name));
    for (const std::string& group : inventory.names("group")) {
        const Object* object = inventory.find("group", group);
        std::vector<std::string> sets =
            object ? texts_at(object->fields.get(), "files") : std::vector<std::string>();
        if (std::ranges::find(sets, name) != sets.end())
            return permanent_error("files ", name, ": in use by the group ", group,
                                   "; remove it there first");
    }
    TRY(database.commit({{set.key(), std::nullopt, set.read_at}}));
    TRY(store.remove(name));
    return set;
}

Result<RenderedFiles> render_files(const RenderProgram& program, const std::string& set, const FileTree& tree,
                                   const Inventory& inventory, const std::vector<std::string>& nodes,
                                   const GivenSecrets& secrets, const KeepRendered& keep) {
    RenderRequest request{.templates = templates_of(tree), .nodes = TRY(json_of(inventory, nodes, secrets))};
    request.common = common_json(set, reads_secrets(request.templates) ? secrets : GivenSecrets());
    if (reads_all_nodes(request.templates))
        request.all_nodes = TRY(json_of(inventory, inventory.names("node"), secrets));
    Results results(nodes.size());
    auto take = [&](size_t node, const std::vector<const Rendering*>& renderings) -> Result<> {
        bool has_failed = false;
        for (const Rendering* one : renderings) {
            if (*one) continue;
            results.add_error(node, one->error().what);
            has_failed = true;
        }
        if (has_failed) return {};
        Result<FileTree> made = rendered_tree(tree, renderings);
        if (!made) return results.add_error(node, made.error().what), Result<>();
        std::string tar = TRY(to_tar(*made));
        results.add(node, {nodes[node], TRY(keep(nodes[node], tar)), tar.size()});
        return {};
    };
    TRY(render(program, request, take), "rendering the files ", set);
    return results.finish(nodes);
}

} // namespace mangrove::head
