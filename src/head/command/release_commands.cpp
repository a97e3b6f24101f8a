#include "head/command/release_commands.h"

#include <algorithm>
#include <cstdio>

#include "head/command/file_commands.h"
#include "head/command/node_commands.h"
#include "head/nodes/node_set.h"
#include "head/publish/publishing.h"

namespace mangrove::head {

namespace {

using Words = std::vector<std::string>;

Words shown_files(const Release& release) {
    Words words;
    for (const ReleaseFiles& files : release.files)
        words.push_back(shown_files(files));
    return words;
}

std::string shown_nodes(const Words& nodes) {
    return nodes.empty() ? "-" : fold_nodes(nodes);
}

std::string in_use_by(const Release& release) {
    return text(": in use by the release ", release.id, "; mangrovectl release remove ", release.id,
                " first");
}

} // namespace

Outcome<> release_make(Call& call, const ReleaseRequest& request) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    Release release = TRY(make_release(*database, call.directories, request));
    if (call.form == Form::json)
        print(description_of(release, {}, TRY(release_signatures(*database))[release.id]));
    else
        print_line(release.id);
    return {};
}

Outcome<> release_list(Call& call) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    std::vector<Release> releases = TRY(list_releases(*database));
    std::map<std::string, Words> nodes = TRY(committed_nodes(*database));
    std::map<std::string, std::string> signatures = TRY(release_signatures(*database));
    Json all(cJSON_CreateArray());
    if (call.form == Form::table)
        std::printf("%-15s %-32s %-32s %s\n", "RELEASE", "PUBLICATION", "FILES", "NODES");
    for (const Release& release : releases) {
        cJSON_AddItemToArray(all.get(),
                             description_of(release, nodes[release.id], signatures[release.id]).release());
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
    std::string signature = TRY(release_signatures(*database))[release.id];
    if (call.form == Form::json) {
        print(description_of(release, nodes, signature));
        return {};
    }
    for (const auto& [name, value] : std::initializer_list<std::pair<const char*, std::string>>{
             {"release", release.id},
             {"publication", release.publication},
             {"files", shown_list(shown_files(release))},
             {"arguments", shown_list(release.arguments)},
             {"definition", print_json(release.definition)},
             {"signed", signature.empty() ? "no" : signature},
             {"nodes", shown_nodes(nodes)}})
        std::printf("%-15s %s\n", name, value.c_str());
    return {};
}

Outcome<> release_diff(Call& call, const std::string& before, const std::string& after, bool& different) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    Words lines =
        TRY(release_differences(call.directories, open_file_store(call), TRY(find_release(*database, before)),
                                TRY(find_release(*database, after))));
    different = !lines.empty();
    print_differences(call, lines);
    return {};
}

Outcome<> release_remove(Call& call, const std::string& reference) {
    Release removed = TRY(remove_release(*TRY(open_database(call)), reference));
    call.progress.note("removed " + removed.id);
    if (call.form == Form::json) print(description_of(removed, {}, ""));
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
        if (std::ranges::find(release.files, set, &ReleaseFiles::set) != release.files.end())
            return permanent_error("files ", set, in_use_by(release));
    return {};
}

} // namespace mangrove::head
