#include "head/command/release_commands.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "base/whole_file.h"
#include "head/command/file_commands.h"
#include "head/command/node_commands.h"
#include "head/files/file_store.h"
#include "head/files/tree_difference.h"
#include "head/image/contents.h"
#include "head/image/packages.h"
#include "head/nodes/node_set.h"
#include "head/publish/publishing.h"
#include "head/rollout/node_state.h"
#include "head/rollout/release.h"

namespace mangrove::head {

namespace {

using Words = std::vector<std::string>;

std::string shown(const ReleaseFiles& files) {
    return text(files.revision, files.moment == "live" ? " (live)" : "");
}

Words shown_files(const Release& release) {
    Words words;
    for (const ReleaseFiles& files : release.files)
        words.push_back(shown(files));
    return words;
}

std::string shown_nodes(const Words& nodes) {
    return nodes.empty() ? "-" : fold_nodes(nodes);
}

/// The nodes that are committed to each release.
Result<std::map<std::string, Words>> committed_nodes(Database& database) {
    std::map<std::string, Words> nodes;
    for (const NodeState& state : TRY(list_node_states(database)))
        if (!state.committed.empty()) nodes[state.committed].push_back(state.node);
    return nodes;
}

Json description_of(const Release& release, const Words& nodes) {
    Json json(cJSON_Parse(to_json(release).c_str()));
    add_text(json.get(), "id", release.id);
    add_text(json.get(), "nodes", fold_nodes(nodes));
    return json;
}

/// The image of a release, where its publication is still there.
Result<Image> image_of(const Call& call, const Release& release) {
    Record publication = TRY(find_one_published(call.directories, release.publication, "release diff"));
    return Store(call.directories.images).find(publication.image);
}

Result<Packages> packages_of(const Image& image) {
    std::error_code problem;
    // An image of an earlier version of Mangrove has none.
    if (!std::filesystem::exists(image.packages(), problem)) return Packages{};
    return parse_packages(TRY(read_file(image.packages())));
}

void add_each(Words& lines, const std::string& prefix, const Words& added) {
    for (const std::string& line : added)
        lines.push_back(prefix + line);
}

Result<Words> image_differences(const Call& call, const Release& before, const Release& after) {
    Words lines = {text("publication: ", before.publication, " -> ", after.publication)};
    Image old = TRY(image_of(call, before));
    Image now = TRY(image_of(call, after));
    if (old.kernel_version != now.kernel_version)
        lines.push_back(text("kernel: ", old.kernel_version, " -> ", now.kernel_version));
    Packages packages = TRY(packages_of(old));
    Packages later = TRY(packages_of(now));
    if (!packages.empty() && !later.empty())
        add_each(lines, "package: ", package_differences(packages, later));
    add_each(lines, "image: ",
             differences(TRY(parse_contents(TRY(read_file(old.contents())))),
                         TRY(parse_contents(TRY(read_file(now.contents()))))));
    return lines;
}

Result<Words> differences_of_set(const FileStore& store, const std::string& set, const ReleaseFiles* before,
                                 const ReleaseFiles* after) {
    std::string prefix = text("files ", set, ": ");
    if (before && after && *before == *after) return Words{};
    Words lines = {
        text(prefix, before ? shown(*before) : "nothing", " -> ", after ? shown(*after) : "nothing")};
    if (!before || !after) return lines;
    add_each(
        lines, prefix,
        TRY(tree_differences(TRY(store.read(set, before->revision)), TRY(store.read(set, after->revision)))));
    return lines;
}

const ReleaseFiles* find_set(const Release& release, const std::string& set) {
    auto found = std::ranges::find(release.files, set, &ReleaseFiles::set);
    return found == release.files.end() ? nullptr : &*found;
}

Result<Words> differences_of(const Call& call, const Release& before, const Release& after) {
    Words lines;
    if (before.publication != after.publication) lines = TRY(image_differences(call, before, after));
    if (before.arguments != after.arguments)
        lines.push_back(
            text("kernel arguments: ", join(before.arguments, " "), " -> ", join(after.arguments, " ")));
    std::string old = print_json(before.definition);
    std::string now = print_json(after.definition);
    if (old != now) lines.push_back(text("definition: ", old, " -> ", now));
    std::set<std::string> sets;
    for (const Release* release : {&before, &after})
        for (const ReleaseFiles& files : release->files)
            sets.insert(files.set);
    FileStore store = open_file_store(call);
    for (const std::string& set : sets)
        add_each(lines, "", TRY(differences_of_set(store, set, find_set(before, set), find_set(after, set))));
    return lines;
}

std::string in_use_by(const Release& release) {
    return text(": in use by the release ", release.id, "; mangrovectl release remove ", release.id,
                " first");
}

Result<Json> read_definition(const std::string& written) {
    if (written.empty()) return make_json_object();
    Json json = TRY(parse_json(written, "--definition"));
    if (!cJSON_IsObject(json.get())) return permanent_error("--definition: expected a JSON object");
    return json;
}

} // namespace

Outcome<> release_make(Call& call, const ReleaseRequest& request) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    Release release{.publication =
                        TRY(find_one_published(call.directories, request.image, "release make")).id};
    for (const std::string& name : request.files) {
        FileSet set = TRY(find_file_set(*database, name));
        release.files.push_back({set.name, set.revision, set.moment});
    }
    release.arguments = request.arguments;
    release.definition = TRY(read_definition(request.definition));
    release = TRY(make_release(*database, std::move(release)));
    if (call.form == Form::json)
        print(description_of(release, {}));
    else
        print_line(release.id);
    return {};
}

Outcome<> release_list(Call& call) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    std::vector<Release> releases = TRY(list_releases(*database));
    std::map<std::string, Words> nodes = TRY(committed_nodes(*database));
    Json all(cJSON_CreateArray());
    if (call.form == Form::table)
        std::printf("%-15s %-32s %-32s %s\n", "RELEASE", "PUBLICATION", "FILES", "NODES");
    for (const Release& release : releases) {
        cJSON_AddItemToArray(all.get(), description_of(release, nodes[release.id]).release());
        if (call.form == Form::table)
            std::printf("%-15s %-32s %-32s %s\n", release.id.c_str(), release.publication.c_str(),
                        shown_list(shown_files(release)).c_str(), shown_nodes(nodes[release.id]).c_str());
    }
    if (call.form == Form::json) print(all);
    if (releases.empty()) hint(call, "there are no releases; mangrovectl release make IMAGE");
    return {};
}

Outcome<> release_show(Call& call, const std::string& reference) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    Release release = TRY(find_release(*database, reference));
    Words nodes = TRY(committed_nodes(*database))[release.id];
    if (call.form == Form::json) {
        print(description_of(release, nodes));
        return {};
    }
    for (const auto& [name, value] : std::initializer_list<std::pair<const char*, std::string>>{
             {"release", release.id},
             {"publication", release.publication},
             {"files", shown_list(shown_files(release))},
             {"arguments", shown_list(release.arguments)},
             {"definition", print_json(release.definition)},
             {"nodes", shown_nodes(nodes)}})
        std::printf("%-15s %s\n", name, value.c_str());
    return {};
}

Outcome<> release_diff(Call& call, const std::string& before, const std::string& after, bool& different) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    Words lines =
        TRY(differences_of(call, TRY(find_release(*database, before)), TRY(find_release(*database, after))));
    different = !lines.empty();
    print_differences(call, lines);
    return {};
}

Outcome<> release_remove(Call& call, const std::string& reference) {
    Release removed = TRY(remove_release(*TRY(open_database(call)), reference));
    call.progress.note("removed " + removed.id);
    if (call.form == Form::json) print(description_of(removed, {}));
    return {};
}

Result<> check_unreleased(const Call& call, const std::string& reference) {
    if (!database_exists(call.directories.database)) return {};
    std::vector<Release> releases = TRY(list_releases(*TRY(open_database(call))));
    Result<std::vector<Record>> meant = find_published(call.directories, reference);
    for (const Record& publication : meant ? *meant : std::vector<Record>())
        for (const Release& release : releases)
            if (release.publication == publication.id)
                return permanent_error(publication.id, in_use_by(release));
    return {};
}

Result<> check_files_unreleased(Database& database, const std::string& set) {
    for (const Release& release : TRY(list_releases(database)))
        if (find_set(release, set)) return permanent_error("files ", set, in_use_by(release));
    return {};
}

} // namespace mangrove::head
