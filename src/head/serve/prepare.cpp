#include "head/serve/prepare.h"

#include <algorithm>

#include "head/host/json.h"
#include "head/nodes/node_set.h"
#include "head/publish/journal.h"
#include "head/serve/boot_script.h"
#include "head/serve/node_definition.h"

namespace mangrove::head {

namespace fs = std::filesystem;

struct Preparer::Source {
    const Inventory& inventory;
    const std::vector<Image>& images;
    const std::vector<Record>& publications;
    const std::map<std::string, NodeFiles>& files;
    const ReleasesOfNodes& releases;
    BootTable& table;
};

/// One boot of a node that is to be prepared.
struct Preparer::Target {
    ServedNode& node;
    const cJSON* values;
    std::string id;         ///< of the release
    const Release* release; ///< nullptr: as the values say
    FilesOfBoot files = {};

    /// Keeps what the node asks for to this release.
    std::string url(const std::string& base, std::string_view path) const {
        return text(base, path, "?node=", node.name, id.empty() ? "" : "&release=", id);
    }
};

namespace {

/// The addresses of all interfaces, without the lengths of their prefixes.
std::vector<std::string> addresses_of(const cJSON* fields) {
    std::vector<std::string> addresses;
    const cJSON* interface = nullptr;
    cJSON_ArrayForEach(interface, cJSON_GetObjectItemCaseSensitive(fields, "interfaces")) {
        for (const char* key : {"address", "address6"}) {
            std::string address = text_at(interface, key);
            if (!address.empty()) addresses.push_back(address.substr(0, address.find('/')));
        }
    }
    return addresses;
}

Result<std::vector<std::string>> kernel_arguments(const cJSON* values, const Release* release) {
    const cJSON* kernel = cJSON_GetObjectItemCaseSensitive(values, "kernel");
    // An entry with blanks is several, as Warewulf writes them.
    std::vector<std::string> words;
    for (const std::string& argument : texts_at(kernel, "arguments"))
        for (std::string& word : split(argument, ' '))
            if (!word.empty()) words.push_back(std::move(word));
    for (const std::string& word : words)
        TRY(check_kernel_argument(word), "reading values.kernel.arguments");
    for (const std::string& argument : release ? release->arguments : std::vector<std::string>()) {
        TRY(check_kernel_argument(argument), "reading the arguments of the release ", release->id);
        words.push_back(argument);
    }
    return words;
}

/// The publication of a release, or the one that the values of a node name.
Result<BootChoice> choose(const std::string& node, const cJSON* values, const Release* release,
                          const std::vector<Image>& images, const std::vector<Record>& publications) {
    if (release) return choose_image(release->publication, "", images, publications);
    std::string reference = text_at(values, "image");
    if (reference.empty())
        return permanent_error("no image; mangrovectl assign IMAGE ", node, ", or set values.image");
    return choose_image(reference, text_at(values, "over"), images, publications);
}

/// The members of the release's definition replace those of the value `definition`.
Json definition_values(const cJSON* values, const Release* release) {
    const cJSON* own = cJSON_GetObjectItemCaseSensitive(values, "definition");
    Json merged(own ? cJSON_Duplicate(own, true) : cJSON_CreateObject());
    if (release) merge_patch(merged.get(), release->definition.get());
    return merged;
}

Result<> set_trust(ServedNode& node, const cJSON* values) {
    if (std::string trust = text_at(values, "trust"); !trust.empty())
        node.trust = TRY(trust_from(trust), "reading values.trust");
    return {};
}

std::string problem_of(const Result<>& result) {
    return result ? "" : describe(result.error());
}

} // namespace

Preparer::Preparer(Settings settings, Directories directories, RenderProgram program, fs::path authority)
    : settings_(std::move(settings)), directories_(std::move(directories)), authority_(std::move(authority)),
      files_(std::move(program), store_beside(directories_.database, settings_.state),
             settings_.trust == Trust::open) {}

std::vector<std::string> releases_of(const NodeState& node) {
    std::vector<std::string> releases = {node.committed};
    if (!is_settled(node.state) && node.target != node.committed) releases.push_back(node.target);
    return releases;
}

// In a rollout it decides when the node is committed.
constexpr int kInterval = 60;
constexpr int kIntervalInRollout = 15;

Result<> Preparer::fill_in(ServedBoot& boot, const Target& target, const Source& source) {
    const ServedNode& node = target.node;
    if (!target.id.empty() && !target.release)
        return permanent_error("release ", target.id, ": not found; start a rollout of another one");
    BootChoice choice =
        TRY(choose(node.name, target.values, target.release, source.images, source.publications));
    boot.image = choice.publication->id;
    if (choice.image->kernel_version.empty())
        return permanent_error("image ", choice.image->id, ": it has no kernel; build it with one");
    std::string base = http_base(settings_);
    auto blob = [&](const fs::path& file) -> Result<std::string> {
        std::string digest = TRY(blobs_.digest(file));
        source.table.blobs[digest] = file;
        return text(base, "/blob/", digest);
    };
    BootParts parts{.title = text(node.name, ": ", boot.image),
                    .kernel = TRY(blob(choice.image->kernel())),
                    .initramfs = TRY(blob(choice.image->initramfs())),
                    .definition = {},
                    .report = {},
                    .arguments = TRY(kernel_arguments(target.values, target.release))};
    bool is_open = node.trust == Trust::open;
    if (!is_open) parts.authority = TRY(blob(authority_));
    std::string own = is_open ? base : https_base(settings_);
    parts.definition = target.url(own, "/n/definition");
    parts.report = target.url(own, "/n/report");
    boot.script = boot_script(parts, base, settings_.screen);
    if (!target.files.problem.empty()) return permanent_error(target.files.problem);
    Json values = definition_values(target.values, target.release);
    NodeAdditions additions{.name = node.name,
                            .values = values.get(),
                            .release = target.id,
                            .health_url = text(own, "/n/health?node=", node.name),
                            .health_interval = target.id == node.release ? kInterval : kIntervalInRollout,
                            .report_url = parts.report};
    for (const std::string& digest : target.files.boot)
        additions.files.push_back({text(own, "/n/files/", digest, ".tar?node=", node.name), digest});
    if (!target.files.live.empty()) additions.live_url = target.url(own, "/n/live");
    boot.live = target.files.live;
    boot.definition = TRY(node_definition(choice.publication->definition, additions));
    return {};
}

/// A node that has its definition asks for the files in it, also where they changed meanwhile.
void Preparer::add_recent_files(ServedNode& node) {
    constexpr size_t kMost = 16;
    std::deque<std::string>& recent = recent_files_[node.name];
    for (const std::string& digest : node.files) {
        std::erase(recent, digest);
        recent.push_back(digest);
    }
    while (recent.size() > kMost)
        recent.pop_front();
    node.files.insert(recent.begin(), recent.end());
}

/// Prepares all boots of a node; problems are left in them.
void Preparer::prepare_node(ServedNode& node, const Object& object, const Source& source) {
    ResolvedNode resolved = source.inventory.resolve(object);
    const cJSON* values = cJSON_GetObjectItemCaseSensitive(resolved.fields.get(), "values");
    node.addresses = addresses_of(resolved.fields.get());
    std::string problem = problem_of(set_trust(node, values));
    auto releases = source.releases.find(node.name);
    auto files = source.files.find(node.name);
    const ReleasesOfNode none = {{"", nullptr}};
    for (const auto& [id, release] : releases == source.releases.end() ? none : releases->second) {
        ServedBoot& boot = node.boots[id];
        Target target{.node = node, .values = values, .id = id, .release = release};
        if (files != source.files.end()) target.files = files->second.of(id);
        boot.problem = problem.empty() ? problem_of(fill_in(boot, target, source)) : problem;
        if (!boot.problem.empty()) continue;
        node.files.insert(target.files.boot.begin(), target.files.boot.end());
        if (!boot.live.empty()) node.files.insert(boot.live);
    }
    add_recent_files(node);
    for (const std::string& digest : node.files)
        source.table.tars[digest] = files_.store().rendered(digest);
}

Result<std::shared_ptr<const BootTable>> Preparer::prepare(Database& database) {
    Inventory inventory = TRY(Inventory::load(database));
    std::vector<Image> images = TRY(Store(directories_.images).list());
    std::vector<Record> publications = TRY(Journal::list(directories_.publications));
    std::map<std::string, Release> releases;
    for (Release& release : TRY(list_releases(database)))
        releases.emplace(release.id, std::move(release));
    ReleasesOfNodes wanted;
    auto table = std::make_shared<BootTable>();
    for (const NodeState& state : TRY(list_node_states(database))) {
        if (!inventory.find("node", state.node)) continue;
        table->nodes[state.node].release = state.committed;
        for (const std::string& id : releases_of(state)) {
            auto found = releases.find(id);
            wanted[state.node][id] = found == releases.end() ? nullptr : &found->second;
        }
    }
    std::map<std::string, NodeFiles> files = TRY(files_.render(database, inventory, *table, wanted));
    Source source{inventory, images, publications, files, wanted, *table};
    std::map<std::string, std::set<std::string>> problems;
    for (const std::string& name : inventory.names("node")) {
        const Object& object = *inventory.find("node", name);
        ServedNode& node = table->nodes[name];
        node.name = name;
        node.macs = macs_of(object);
        node.trust = settings_.trust;
        for (const std::string& mac : node.macs)
            table->names[mac] = name;
        prepare_node(node, object, source);
        for (const auto& [id, boot] : node.boots)
            if (!boot.problem.empty()) problems[boot.problem].insert(name);
    }
    for (auto& [problem, nodes] : problems)
        if (!problem.starts_with("files "))
            table->problems.push_back(text("node ", fold_nodes({nodes.begin(), nodes.end()}), ": ", problem));
    std::set<std::string> kept;
    for (const auto& [digest, file] : table->tars)
        kept.insert(digest);
    files_.store().prune_rendered(kept);
    return table;
}

} // namespace mangrove::head
