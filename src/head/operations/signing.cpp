#include "head/operations/signing.h"

#include <algorithm>
#include <map>

#include "definition/parse.h"
#include "head/files/file_sets.h"
#include "head/files/secrets.h"
#include "head/host/json.h"
#include "head/nodes/node_set.h"
#include "head/publish/publishing.h"
#include "head/serve/node_definition.h"
#include "head/serve/settings.h"
#include "head/serve/signed_definition.h"

namespace mangrove::head {

namespace {

using Words = std::vector<std::string>;

/// As mangrove-head has it, which must render the same.
Result<Settings> settings_of_head() {
    std::error_code ignored;
    if (!std::filesystem::exists(kSettingsFile, ignored)) return Settings();
    return read_settings(kSettingsFile);
}

struct Rendering {
    RenderProgram program;
    GivenSecrets secrets;
};

Result<Rendering> rendering_of_head(Database& database) {
    Settings settings = TRY(settings_of_head());
    Rendering rendering{
        .program = TRY(find_render_program()),
        .secrets = {.values = TRY(secret_values(database)), .is_open = settings.trust == Trust::open}};
    rendering.program.include = settings.include;
    return rendering;
}

/// Renders for some nodes. What was rendered is forgotten, and mangrove-head makes it again.
class DigestsOfNodes {
  public:
    DigestsOfNodes(const Inventory& inventory, FileStore store, Rendering rendering, Words nodes)
        : inventory_(inventory), store_(std::move(store)), rendering_(std::move(rendering)),
          nodes_(std::move(nodes)) {}

    Result<> add(const ReleaseFiles& files) {
        auto digest = [](const std::string&, const std::string& tar) -> Result<std::string> {
            return digest_of_text(tar);
        };
        RenderedFiles rendered =
            TRY(render_files(rendering_.program, files.set, TRY(store_.read(files.set, files.revision)),
                             inventory_, nodes_, rendering_.secrets, digest));
        for (const RenderedFor& one : rendered.nodes)
            digests_[one.node].push_back(one.digest);
        for (const FilesProblem& problem : rendered.problems) {
            problems.push_back(
                text("node ", fold_nodes(problem.nodes), ": files ", files.set, ": ", problem.error));
            for (const std::string& node : problem.nodes)
                std::erase(nodes_, node);
        }
        return {};
    }
    trust::FilesOfNodes files() {
        trust::FilesOfNodes files;
        for (const std::string& node : nodes_) {
            std::string mac = mac_in_tree(*inventory_.find("node", node));
            if (mac.empty())
                problems.push_back(text("node ", node, ": it has no MAC address; files are pinned by it"));
            else
                files[mac] = digests_[node];
        }
        return files;
    }
    Words problems = {};

  private:
    const Inventory& inventory_;
    FileStore store_;
    Rendering rendering_;
    Words nodes_;
    std::map<std::string, Words> digests_;
};

Result<> check(const std::string& definition) {
    std::vector<definition::Problem> problems = definition::parse_and_check(definition).problems;
    if (problems.empty()) return {};
    return permanent_error("the definition: ", problems[0].to_text());
}

} // namespace

Result<std::string> with_validity(const std::string& definition, const Validity& validity) {
    Json json = TRY(parse_json(definition, "the definition"));
    Json keys = make_json_object();
    if (!validity.until.empty()) add_text(keys.get(), "valid_until", validity.until);
    if (validity.serial > 0)
        cJSON_AddNumberToObject(keys.get(), "serial", static_cast<double>(validity.serial));
    merge_patch(json.get(), keys.get());
    std::string written = print_json(json);
    TRY(check(written));
    return written;
}

Result<SharedDefinition> definition_to_sign(Database& database, const Directories& directories,
                                            const Release& release, const std::string& nodes) {
    Record publication = TRY(find_one_published(directories, release.publication, "release sign"));
    SharedDefinition shared{.definition =
                                TRY(shared_definition(publication.definition, release.definition.get()))};
    if (std::ranges::any_of(release.files, [](const ReleaseFiles& files) { return files.moment == "live"; }))
        return permanent_error("release ", release.id,
                               ": live files cannot be signed, because they change while a node runs; take "
                               "them out of the release");
    if (release.files.empty()) return shared;
    Inventory inventory = TRY(Inventory::load(database));
    DigestsOfNodes digests(inventory,
                           store_beside(directories.database, directories.publications.parent_path()),
                           TRY(rendering_of_head(database)), TRY(inventory.select(nodes)));
    for (const ReleaseFiles& files : release.files)
        TRY(digests.add(files));
    Json json = TRY(parse_json(shared.definition, "the definition"));
    shared.files = trust::FilesTree(digests.files());
    shared.problems = std::move(digests.problems);
    if (shared.files.root().empty())
        return permanent_error("release ", release.id, ": its files can be rendered for none of the nodes: ",
                               join(shared.problems, "; "));
    add_text(json.get(), trust::kNodeFiles, shared.files.root());
    shared.definition = print_json(json);
    return shared;
}

} // namespace mangrove::head
