#include "head/serve/node_files.h"

#include <algorithm>

#include "head/host/json.h"
#include "head/nodes/node_set.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

/// Changes when a file below the directory does.
std::string state_of(const fs::path& directory) {
    Digest digest;
    std::error_code problem;
    for (fs::recursive_directory_iterator entry(directory, problem), end; !problem && entry != end;
         entry.increment(problem)) {
        std::error_code ignored;
        auto changed = entry->last_write_time(ignored).time_since_epoch().count();
        uintmax_t size = entry->is_regular_file(ignored) ? entry->file_size(ignored) : 0;
        digest.add(text(entry->path().native(), '\0', changed, '\0', size, '\n'));
    }
    return digest.finish();
}

/// Everything that a template can see of a node.
std::string seen_of(const Inventory& inventory, const Object& node) {
    return digest_of_text(node.name + "\n" + print_json(inventory.resolve(node).fields));
}

bool reads_all_nodes(const FileTree& tree) {
    return std::ranges::any_of(tree,
                               [](const auto& file) { return file.second.contents.contains("AllNodes"); });
}

} // namespace

Result<std::string> FilesOfNodes::merge_live(const std::vector<std::string>& digests) {
    if (digests.size() == 1) return digests[0];
    std::string from = join(digests, " ");
    auto known = merged_.find(from);
    if (known != merged_.end()) return known->second;
    FileTree merged;
    for (const std::string& digest : digests)
        for (auto& [path, file] : TRY(read_tar(store_.rendered(digest))))
            merged.insert_or_assign(path, std::move(file));
    return merged_[from] = TRY(store_.add_rendered(TRY(to_tar(merged))));
}

Result<> FilesOfNodes::render_set(const Wanted& wanted, const Inventory& inventory,
                                  const std::string& everything, std::map<std::string, NodeFiles>& files,
                                  std::vector<std::string>& problems) {
    const FileSet& set = *wanted.set;
    FileTree tree = TRY(store_.read(set.name, set.revision));
    Made& made = made_[set.name];
    std::string from =
        text(set.revision, " ", state_of(program_.include), reads_all_nodes(tree) ? everything : "");
    if (made.from != from) made = {.from = from, .nodes = {}};
    std::vector<std::string> changed;
    std::map<std::string, std::string> seen;
    for (const std::string& node : wanted.nodes) {
        seen[node] = seen_of(inventory, *TRY(inventory.get("node", node)));
        auto known = made.nodes.find(node);
        std::error_code ignored;
        if (known == made.nodes.end() || known->second.first != seen[node]
            || !fs::exists(store_.rendered(known->second.second), ignored))
            changed.push_back(node);
    }
    RenderedFiles rendered;
    if (!changed.empty())
        rendered = TRY(render_files(
            program_, set.name, tree, inventory, changed,
            [&](const std::string&, const std::string& tar) { return store_.add_rendered(tar); }));
    for (const RenderedFor& one : rendered.nodes)
        made.nodes[one.node] = {seen[one.node], one.digest};
    for (const FilesProblem& problem : rendered.problems) {
        problems.push_back(
            text("node ", fold_nodes(problem.nodes), ": files ", set.name, ": ", problem.error));
        for (const std::string& node : problem.nodes) {
            files[node].problem = text("files ", set.name, ": ", problem.error);
            made.nodes.erase(node);
        }
    }
    return {};
}

Result<std::map<std::string, NodeFiles>> FilesOfNodes::render(Database& database, const Inventory& inventory,
                                                              std::vector<std::string>& problems) {
    std::vector<FileSet> sets = TRY(list_file_sets(database));
    std::map<std::string, Wanted> wanted;
    std::map<std::string, std::vector<std::string>> order;
    Digest everything;
    for (const std::string& node : inventory.names("node")) {
        const Object& object = *inventory.find("node", node);
        ResolvedNode resolved = inventory.resolve(object);
        everything.add(print_json(resolved.fields));
        for (const std::string& name : texts_at(resolved.fields.get(), "files")) {
            std::vector<std::string>& own = order[node];
            // A set that two groups name is where the last one has it.
            std::erase(own, name);
            own.push_back(name);
        }
    }
    std::map<std::string, NodeFiles> files;
    for (const auto& [node, names] : order)
        for (const std::string& name : names) {
            auto set = std::ranges::find(sets, name, &FileSet::name);
            if (set == sets.end()) {
                files[node].problem =
                    text("files ", name, ": there is no such set; mangrovectl files import ", name);
                problems.push_back(text("node ", node, ": ", files[node].problem));
                continue;
            }
            Wanted& one = wanted[name];
            one.set = &*set;
            one.nodes.push_back(node);
        }
    std::string all = everything.finish();
    std::map<std::string, NodeFiles> rendered;
    for (const auto& [name, one] : wanted)
        TRY(render_set(one, inventory, all, rendered, problems));
    for (const auto& [node, names] : order) {
        NodeFiles& own = files[node];
        std::vector<std::string> live;
        if (own.problem.empty()) own.problem = rendered[node].problem;
        for (const std::string& name : names) {
            auto known = made_[name].nodes.find(node);
            if (known == made_[name].nodes.end()) continue;
            bool is_live = wanted[name].set->moment == "live";
            (is_live ? live : own.boot).push_back(known->second.second);
        }
        if (!live.empty()) own.live = TRY(merge_live(live));
    }
    return files;
}

} // namespace mangrove::head
