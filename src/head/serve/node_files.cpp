#include "head/serve/node_files.h"

#include <algorithm>
#include <cerrno>
#include <set>

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

namespace {

std::string key_of(const FileSet& set) {
    return text(set.name, "/", set.revision);
}

} // namespace

/// Renders for the nodes of which a template sees something else than before.
Result<RenderedFiles> FilesOfNodes::render_changed(const FileSet& set, const std::vector<std::string>& nodes,
                                                   const Inventory& inventory, const Seen& seen) {
    FileTree tree = TRY(store_.read(set.name, set.revision));
    Made& made = made_[key_of(set)];
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

/// A set that is wrong keeps only the boots that have it from being served.
void FilesOfNodes::render_set(const Using& use, const Inventory& inventory, const Seen& seen, Files& files,
                              BootTable& table) {
    auto note = [&](const std::vector<std::string>& whose, const std::string& what) {
        std::string problem = text("files ", use.set.name, ": ", what);
        table.problems.push_back(text("node ", fold_nodes(whose), ": ", problem));
        std::set<std::string_view> names(whose.begin(), whose.end());
        for (const Wanted* boot : use.boots)
            if (names.contains(boot->node)) files[boot->node].of(boot->release).problem = problem;
    };
    Result<RenderedFiles> rendered = render_changed(use.set, use.nodes, inventory, seen);
    if (!rendered && is_of_the_machine(rendered.error()))
        table.unfinished =
            text("rendering the files ", use.set.name, ": ", errno_text(rendered.error().code));
    if (!rendered) return note(use.nodes, rendered.error().what);
    table.rendered += rendered->nodes.size();
    for (const FilesProblem& problem : rendered->problems)
        note(problem.nodes, problem.error);
}

namespace {

/// A set that two groups name is where the last one has it.
std::vector<std::string> sets_of_groups(const cJSON* fields) {
    std::vector<std::string> sets;
    for (const std::string& name : texts_at(fields, "files")) {
        std::erase(sets, name);
        sets.push_back(name);
    }
    return sets;
}

std::vector<FileSet> sets_of(const Release& release) {
    std::vector<FileSet> sets;
    for (const ReleaseFiles& files : release.files)
        sets.push_back({.name = files.set, .revision = files.revision, .moment = files.moment});
    return sets;
}

} // namespace

Result<std::vector<FilesOfNodes::Wanted>>
FilesOfNodes::find_wanted(Database& database, const Inventory& inventory, const ReleasesOfNodes& releases,
                          Seen& seen, Files& files, BootTable& table) const {
    std::map<std::string, FileSet> current;
    for (FileSet& set : TRY(list_file_sets(database)))
        current.emplace(set.name, set);
    std::map<std::string, std::vector<std::string>> missing; // nodes, by the set
    const ReleasesOfNode none = {{"", nullptr}};
    std::vector<Wanted> wanted;
    Digest everything;
    for (const std::string& node : inventory.names("node")) {
        ResolvedNode resolved = inventory.resolve(*inventory.find("node", node));
        std::string fields = text(node, "\n", print_json(resolved.fields));
        seen.nodes[node] = digest_of_text(fields);
        everything.add(fields);
        auto found = releases.find(node);
        for (const auto& [id, release] : found == releases.end() ? none : found->second) {
            Wanted& boot = wanted.emplace_back(node, id);
            if (release) boot.sets = sets_of(*release);
            if (!id.empty()) continue;
            for (const std::string& name : sets_of_groups(resolved.fields.get())) {
                auto set = current.find(name);
                if (set != current.end())
                    boot.sets.push_back(set->second);
                else
                    missing[name].push_back(node);
            }
        }
    }
    for (const auto& [name, nodes] : missing) {
        std::string problem = text("files ", name, ": there is no such set; mangrovectl files import ", name);
        table.problems.push_back(text("node ", fold_nodes(nodes), ": ", problem));
        for (const std::string& node : nodes)
            files[node].problem = problem;
    }
    seen.all_nodes = everything.finish();
    return wanted;
}

Result<FilesOfNodes::Files> FilesOfNodes::render(Database& database, const Inventory& inventory,
                                                 BootTable& table, const ReleasesOfNodes& releases) {
    Files files;
    Seen seen{.include = state_below(program_.include)};
    std::vector<Wanted> wanted = TRY(find_wanted(database, inventory, releases, seen, files, table));
    secrets_ = {.values = TRY(secret_values(database)), .is_open = is_open_};
    for (const auto& [name, value] : secrets_.values)
        seen.secrets += name + " " + digest_of_text(value) + "\n";
    std::map<std::string, Using> uses;
    for (const Wanted& boot : wanted) {
        for (const FileSet& set : boot.sets) {
            Using& use = uses[key_of(set)];
            use.set = set;
            use.boots.push_back(&boot);
            // The boots of a node are one after the other.
            if (use.nodes.empty() || use.nodes.back() != boot.node) use.nodes.push_back(boot.node);
        }
    }
    std::erase_if(made_, [&](const auto& made) { return !uses.contains(made.first); });
    for (const auto& [key, use] : uses)
        render_set(use, inventory, seen, files, table);
    for (const Wanted& boot : wanted) {
        FilesOfBoot& own = files[boot.node].of(boot.release);
        if (own.problem.empty()) TRY(collect(boot, own));
    }
    return files;
}

Result<> FilesOfNodes::collect(const Wanted& wanted, FilesOfBoot& files) {
    std::vector<std::string> live;
    for (const FileSet& set : wanted.sets) {
        const std::string& digest = made_.at(key_of(set)).nodes.at(wanted.node).digest;
        (set.moment == "live" ? live : files.boot).push_back(digest);
    }
    if (!live.empty()) files.live = TRY(merge_live(live));
    return {};
}

} // namespace mangrove::head
