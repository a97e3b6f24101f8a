#include "head/serve/node_files.h"

#include <algorithm>
#include <cerrno>

#include "head/files/rendered_tree.h"
#include "head/files/secrets.h"
#include "head/host/json.h"
#include "head/nodes/node_set.h"

namespace mangrove::head {

namespace fs = std::filesystem;

std::string state_below(const fs::path& directory) {
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

Result<std::string> FilesOfNodes::merge_live(const std::vector<std::string>& digests) {
    if (digests.size() == 1) return digests[0];
    std::string from = join(digests, " ");
    auto known = merged_.find(from);
    std::error_code ignored;
    if (known != merged_.end() && fs::exists(store_.rendered(known->second), ignored)) return known->second;
    FileTree merged;
    for (const std::string& digest : digests)
        for (auto& [path, file] : TRY(read_tar(store_.rendered(digest))))
            merged.insert_or_assign(path, std::move(file));
    return merged_[from] = TRY(store_.add_rendered(TRY(to_tar(merged))));
}

namespace {

/// Whether an error is that of the machine, and passes: no space, no memory, no descriptor.
bool is_of_the_machine(const Error& error) {
    constexpr int kCodes[] = {ENOSPC, EDQUOT, EROFS, EIO, ENOMEM, EMFILE, ENFILE, EAGAIN};
    return std::ranges::find(kCodes, error.code) != std::end(kCodes);
}

} // namespace

/// Renders for the nodes of which a template sees something else than before.
Result<RenderedFiles> FilesOfNodes::render_changed(const FileSet& set, const std::vector<std::string>& nodes,
                                                   const Inventory& inventory, const Seen& seen) {
    FileTree tree = TRY(store_.read(set.name, set.revision));
    Made& made = made_[set.name];
    std::vector<Template> templates = templates_of(tree);
    std::string from = text(set.revision, " ", seen.include, reads_all_nodes(templates) ? seen.all_nodes : "",
                            " ", reads_secrets(templates) ? seen.secrets : "");
    if (made.from != from) made = {.from = from, .nodes = {}};
    std::vector<std::string> changed;
    for (const std::string& node : nodes) {
        auto known = made.nodes.find(node);
        std::error_code ignored;
        bool is_known = known != made.nodes.end() && known->second.seen == seen.nodes.at(node)
                        && fs::exists(store_.rendered(known->second.digest), ignored);
        if (!is_known) changed.push_back(node);
    }
    if (changed.empty()) return RenderedFiles();
    auto keep = [&](const std::string&, const std::string& tar) { return store_.add_rendered(tar); };
    RenderedFiles rendered = TRY(render_files(program_, set.name, tree, inventory, changed, secrets_, keep));
    for (const std::string& node : changed)
        made.nodes.erase(node);
    for (const RenderedFor& one : rendered.nodes)
        made.nodes[one.node] = {.seen = seen.nodes.at(one.node), .digest = one.digest};
    return rendered;
}

/// A set that is wrong keeps only the nodes that have it from booting.
void FilesOfNodes::render_set(const std::string& name, const FileSet* set,
                              const std::vector<std::string>& nodes, const Inventory& inventory,
                              const Seen& seen, Files& files, BootTable& table) {
    auto note = [&](const std::vector<std::string>& whose, const std::string& what) {
        std::string problem = text("files ", name, ": ", what);
        table.problems.push_back(text("node ", fold_nodes(whose), ": ", problem));
        for (const std::string& node : whose)
            files[node].problem = problem;
    };
    if (!set) return note(nodes, text("there is no such set; mangrovectl files import ", name));
    Result<RenderedFiles> rendered = render_changed(*set, nodes, inventory, seen);
    if (!rendered && is_of_the_machine(rendered.error()))
        table.unfinished = text("rendering the files ", name, ": ", errno_text(rendered.error().code));
    if (!rendered) return note(nodes, rendered.error().what);
    for (const FilesProblem& problem : rendered->problems)
        note(problem.nodes, problem.error);
}

Result<FilesOfNodes::Files> FilesOfNodes::render(Database& database, const Inventory& inventory,
                                                 BootTable& table) {
    std::map<std::string, FileSet> sets;
    for (FileSet& set : TRY(list_file_sets(database)))
        sets.emplace(set.name, set);
    Files files;
    std::map<std::string, std::vector<std::string>> nodes_of; // by the set
    std::map<std::string, std::vector<std::string>> sets_of;  // by the node
    Digest everything;
    Seen seen{.include = state_below(program_.include)};
    for (const std::string& node : inventory.names("node")) {
        ResolvedNode resolved = inventory.resolve(*inventory.find("node", node));
        std::string fields = text(node, "\n", print_json(resolved.fields));
        seen.nodes[node] = digest_of_text(fields);
        everything.add(fields);
        std::vector<std::string>& own = sets_of[node];
        for (const std::string& name : texts_at(resolved.fields.get(), "files")) {
            // A set that two groups name is where the last one has it.
            if (std::erase(own, name) == 0) nodes_of[name].push_back(node);
            own.push_back(name);
        }
    }
    seen.all_nodes = everything.finish();
    secrets_ = {.values = TRY(secret_values(database)), .is_open = is_open_};
    for (const auto& [name, value] : secrets_.values)
        seen.secrets += name + " " + digest_of_text(value) + "\n";
    for (const auto& [name, nodes] : nodes_of) {
        auto set = sets.find(name);
        render_set(name, set == sets.end() ? nullptr : &set->second, nodes, inventory, seen, files, table);
    }
    for (const auto& [node, names] : sets_of)
        if (files[node].problem.empty()) TRY(collect(node, names, sets, files[node]));
    return files;
}

Result<> FilesOfNodes::collect(const std::string& node, const std::vector<std::string>& names,
                               const std::map<std::string, FileSet>& sets, NodeFiles& files) {
    std::vector<std::string> live;
    for (const std::string& name : names) {
        const std::string& digest = made_.at(name).nodes.at(node).digest;
        (sets.at(name).moment == "live" ? live : files.boot).push_back(digest);
    }
    if (!live.empty()) files.live = TRY(merge_live(live));
    return {};
}

} // namespace mangrove::head
