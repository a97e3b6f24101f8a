#include "head/operations/releases.h"

#include <algorithm>
#include <set>

#include "base/whole_file.h"
#include "definition/parse.h"
#include "head/files/tree_difference.h"
#include "head/host/json.h"
#include "head/image/contents.h"
#include "head/image/packages.h"
#include "head/image/store.h"
#include "head/nodes/node_set.h"
#include "head/publish/publishing.h"
#include "head/rollout/node_state.h"
#include "trust/policy.h"

namespace mangrove::head {

namespace {

using Words = std::vector<std::string>;

/// The image of a release, where its publication is still there.
Result<Image> image_of(const Directories& directories, const Release& release) {
    Record publication = TRY(find_one_published(directories, release.publication, "release diff"));
    return Store(directories.images).find(publication.image);
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

Result<Words> image_differences(const Directories& directories, const Release& before, const Release& after) {
    Words lines = {text("publication: ", before.publication, " -> ", after.publication)};
    Image old = TRY(image_of(directories, before));
    Image now = TRY(image_of(directories, after));
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
    Words lines = {text(prefix, before ? shown_files(*before) : "nothing", " -> ",
                        after ? shown_files(*after) : "nothing")};
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

Result<Json> read_definition(const std::string& written) {
    if (written.empty()) return make_json_object();
    Json json = TRY(parse_json(written, "definition"));
    if (!cJSON_IsObject(json.get())) return permanent_error("definition: expected a JSON object");
    return json;
}

} // namespace

std::string shown_files(const ReleaseFiles& files) {
    return text(files.revision, files.moment == "live" ? " (live)" : "");
}

Result<std::map<std::string, Words>> committed_nodes(Database& database) {
    std::map<std::string, Words> nodes;
    for (const NodeState& state : TRY(list_node_states(database)))
        if (!state.committed.empty()) nodes[state.committed].push_back(state.node);
    return nodes;
}

std::string signature_text(const SignedDefinition& definition) {
    Result<trust::SshSignature> signature = trust::parse_ssh_signature(definition.envelope.signature);
    Result<definition::Definition> parsed = definition::parse_definition(definition.envelope.definition);
    if (!signature || !parsed) return "damaged; sign it again with mangrovectl release sign";
    return text(signature->key.fingerprint(), ", ", join(trust::describe_validity(*parsed), ", "));
}

Result<std::map<std::string, std::string>> release_signatures(Database& database) {
    std::map<std::string, std::string> signatures;
    for (const auto& [release, definition] : TRY(list_signed_definitions(database)))
        signatures[release] = signature_text(definition);
    return signatures;
}

Json description_of(const Release& release, const Words& nodes, const std::string& signature) {
    Json json(cJSON_Parse(to_json(release).c_str()));
    add_text(json.get(), "id", release.id);
    if (!signature.empty()) add_text(json.get(), "signed", signature);
    add_text(json.get(), "nodes", fold_nodes(nodes));
    return json;
}

Result<Release> make_release(Database& database, const Directories& directories,
                             const ReleaseRequest& request) {
    Record publication = TRY(find_one_published(directories, request.image, "release make"));
    Release release{.publication = publication.id};
    for (const std::string& name : request.files) {
        FileSet set = TRY(find_file_set(database, name));
        release.files.push_back({set.name, set.revision, set.moment});
    }
    release.arguments = request.arguments;
    release.definition = TRY(read_definition(request.definition));
    Release made = TRY(make_release(database, std::move(release)));
    std::optional<SignedDefinition> of_publication =
        TRY(signed_definition_at(signed_definition_path(directories.publications, publication.id)));
    bool adds_nothing = made.files.empty() && !made.definition->child;
    if (of_publication && adds_nothing) TRY(keep_signed_definition(database, made, to_json(*of_publication)));
    return made;
}

Result<Words> release_differences(const Directories& directories, const FileStore& store,
                                  const Release& before, const Release& after) {
    Words lines;
    if (before.publication != after.publication) lines = TRY(image_differences(directories, before, after));
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
    for (const std::string& set : sets)
        add_each(lines, "", TRY(differences_of_set(store, set, find_set(before, set), find_set(after, set))));
    return lines;
}

} // namespace mangrove::head
