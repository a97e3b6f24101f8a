#include "head/serve/prepare.h"

#include <algorithm>

#include "head/host/files.h"
#include "head/host/json.h"
#include "head/image/image_kernels.h"
#include "head/nodes/node_set.h"
#include "head/publish/journal.h"
#include "head/rollout/rollout.h"
#include "head/serve/boot_script.h"
#include "head/serve/credential.h"
#include "head/serve/node_definition.h"

namespace mangrove::head {

namespace fs = std::filesystem;

struct Preparer::Source {
    const Inventory& inventory;
    const std::vector<Image>& images;
    const std::vector<Record>& publications;
    const std::map<std::string, NodeFiles>& files;
    const ReleasesOfNodes& releases;
    const std::map<std::string, SignedDefinition>& signed_definitions; ///< by the release
    /// By the publication, as far as they were read.
    std::map<std::string, Result<std::optional<SignedDefinition>>>& of_publications;
    const std::map<std::string, int64_t>& probations;       ///< seconds, of the nodes that have one
    std::map<std::string, std::set<std::string>>& problems; ///< nodes, by what an operator has to know
    BootTable& table;
};

/// One boot of a node that is to be prepared.
struct Preparer::Target {
    ServedNode& node;
    const cJSON* values;
    std::string mac;        ///< in the tree of a signed definition
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

/// Adds a kernel argument that the operator has not given.
void add_default(std::vector<std::string>& arguments, const std::string& name, int64_t value) {
    bool is_given = std::ranges::any_of(
        arguments, [&](const std::string& argument) { return argument.starts_with(name + "="); });
    if (!is_given) arguments.push_back(text(name, "=", value));
}

/// How long nodes under way may be out of reach, so that one that fails is back before the deadline. Where
/// nobody posts health, nothing is known of that.
Result<std::map<std::string, int64_t>> probations_of(Database& database,
                                                     const std::vector<NodeState>& states) {
    std::map<std::string, int64_t> probations;
    if (std::ranges::all_of(states, [](const NodeState& node) { return is_settled(node.state); }))
        return probations;
    std::map<std::string, Policy> policies;
    for (Rollout& rollout : TRY(list_rollouts(database)))
        policies[rollout.id] = std::move(rollout.policy);
    for (const NodeState& node : states) {
        auto policy = policies.find(node.rollout);
        if (is_settled(node.state) || policy == policies.end() || !policy->second.needs_health) continue;
        probations[node.node] = policy->second.deadline / 2;
    }
    return probations;
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

/// Of what a node loads before its definition, wherever the head node is.
std::string digest_of(const BootParts& parts, const std::string& base) {
    std::string all;
    for (const std::string& url : {parts.kernel, parts.initramfs, parts.authority})
        all += text(url.empty() ? "" : url.substr(base.size()), "\n");
    return digest_of_text(all + join(parts.arguments, " ")).substr(0, 12);
}

/// The SHA-256 that `mangrovectl discover enroll` writes; empty: no TPM is enrolled.
Result<std::string> tpm_from(const std::string& written) {
    constexpr size_t kDigits = 64;
    bool is_digest =
        written.size() == kDigits && written.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (written.empty() || is_digest) return written;
    return permanent_error("expected the SHA-256 of an endorsement key in 64 lower-case digits; mangrovectl "
                           "discover enroll writes it");
}

Result<> set_trust(ServedNode& node, const cJSON* values) {
    if (std::string trust = text_at(values, "trust"); !trust.empty())
        node.trust = TRY(trust_from(trust), "reading values.trust");
    if (node.trust == Trust::tpm) node.tpm = TRY(tpm_from(text_at(values, "tpm")), "reading values.tpm");
    return {};
}

/// Returns the files of a node that a signed definition pins. They can be older than those that were rendered
/// now, as long as they are kept.
Result<std::vector<std::string>> pinned_files(const SignedDefinition& definition, const std::string& mac,
                                              const FilesOfBoot& rendered, const FileStore& store) {
    auto found = definition.tree.files().find(mac);
    std::vector<std::string> pinned;
    if (found != definition.tree.files().end()) pinned = found->second;
    std::error_code ignored;
    bool are_kept = std::ranges::all_of(
        pinned, [&](const std::string& digest) { return fs::exists(store.rendered(digest), ignored); });
    if (pinned.empty() == rendered.boot.empty() && are_kept) return pinned;
    return permanent_error("files: the signed definition has other ones for this node; sign it again with "
                           "mangrovectl release sign, or take the files off the node");
}

/// The URL with the node's password.
std::string with_token(const std::string& base, const ServedNode& node) {
    if (node.trust != Trust::tpm) return base;
    size_t host = base.find("://") + 3;
    return text(base.substr(0, host), node.name, ":", node.token, "@", base.substr(host));
}

std::string problem_of(const Result<>& result) {
    return result ? "" : describe(result.error());
}

} // namespace

Preparer::Preparer(Settings settings, Directories directories, RenderProgram program, fs::path authority,
                   std::string token_key)
    : settings_(std::move(settings)), directories_(std::move(directories)), authority_(std::move(authority)),
      token_key_(std::move(token_key)),
      files_(std::move(program), store_beside(directories_.database, settings_.state),
             settings_.trust == Trust::open) {}

std::vector<std::string> releases_of(const NodeState& node) {
    std::vector<std::string> releases = {node.committed};
    if (!is_settled(node.state) && node.target != node.committed) releases.push_back(node.target);
    return releases;
}

// A kernel that panicked waits for ever by default.
constexpr int64_t kPauseAfterPanic = 30;
// In a rollout it decides when the node is committed.
constexpr int kInterval = 60;
constexpr int kIntervalInRollout = 15;

/// Returns what the nodes of a release, or without one of a publication, boot; nullptr: nobody signed it.
Result<const SignedDefinition*>
Preparer::signed_definition_of(const Target& target, const std::string& publication, const Source& source) {
    if (!target.id.empty()) {
        auto found = source.signed_definitions.find(target.id);
        return found == source.signed_definitions.end() ? nullptr : &found->second;
    }
    auto [definition, is_new] = source.of_publications.try_emplace(publication);
    if (is_new)
        definition->second =
            signed_definition_at(signed_definition_path(directories_.publications, publication));
    if (!definition->second) return std::unexpected(definition->second.error());
    return *definition->second ? &**definition->second : nullptr;
}

Result<> Preparer::fill_in(ServedBoot& boot, Target& target, const Source& source) {
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
    add_default(parts.arguments, "panic", kPauseAfterPanic);
    bool is_open = node.trust == Trust::open;
    if (!is_open) parts.authority = TRY(blob(authority_));
    std::string own = is_open ? base : https_base(settings_);
    parts.definition = text(node.trust == Trust::tpm ? "tpm:" : "", target.url(own, "/n/definition"));
    parts.report = target.url(own, "/n/report");
    own = with_token(own, node);
    // A node that was on probation and the committed one booted the same.
    parts.served = boot.digest = digest_of(parts, base);
    if (auto probation = source.probations.find(node.name);
        probation != source.probations.end() && target.id != node.release)
        add_default(parts.arguments, "mangrove.probation", probation->second);
    boot.script = boot_script(parts, base, settings_.screen);
    auto [name, is_new] = kernel_names_.try_emplace(parts.kernel);
    if (is_new) name->second = name_of_kernel(choice.image->kernel());
    boot.plan = boot_plan(parts, name->second);
    if (!target.files.problem.empty()) return permanent_error(target.files.problem);
    const SignedDefinition* signed_definition =
        TRY(signed_definition_of(target, choice.publication->id, source));
    // The signer has those of the release.
    Json values = definition_values(target.values, signed_definition ? nullptr : target.release);
    NodeAdditions additions{.name = node.name,
                            .values = values.get(),
                            .release = target.id,
                            .health_url = target.url(own, "/n/health"),
                            .health_interval = target.id == node.release ? kInterval : kIntervalInRollout,
                            .report_url = parts.report};
    if (signed_definition) {
        std::vector<std::string> pinned =
            TRY(pinned_files(*signed_definition, target.mac, target.files, files_.store()));
        if (pinned != target.files.boot)
            source
                .problems
                    ["files: they have changed since they were signed, and the node boots those that were; "
                     "mangrovectl release sign "
                     + target.id]
                .insert(node.name);
        target.files.boot = pinned;
    }
    additions.files = target.files.boot;
    additions.files_url = text(own, "/n/files/{digest}.tar?node=", node.name);
    if (!target.files.live.empty()) additions.live_url = target.url(own, "/n/live");
    boot.live = target.files.live;
    boot.definition =
        TRY(signed_definition ? signed_node_definition(*signed_definition, target.mac, additions)
                              : node_definition(choice.publication->definition, additions));
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
    node.token = token_of(token_key_, node.name, node.tpm);
    auto releases = source.releases.find(node.name);
    auto files = source.files.find(node.name);
    const ReleasesOfNode none = {{"", nullptr}};
    for (const auto& [id, release] : releases == source.releases.end() ? none : releases->second) {
        ServedBoot& boot = node.boots[id];
        Target target{
            .node = node, .values = values, .mac = mac_in_tree(object), .id = id, .release = release};
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
    std::vector<NodeState> states = TRY(list_node_states(database));
    std::map<std::string, int64_t> probations = TRY(probations_of(database, states));
    for (const NodeState& state : states) {
        if (!inventory.find("node", state.node)) continue;
        table->nodes[state.node].release = state.committed;
        for (const std::string& id : releases_of(state)) {
            auto found = releases.find(id);
            wanted[state.node][id] = found == releases.end() ? nullptr : &found->second;
        }
    }
    std::map<std::string, NodeFiles> files = TRY(files_.render(database, inventory, *table, wanted));
    std::map<std::string, SignedDefinition> signed_definitions = TRY(list_signed_definitions(database));
    std::map<std::string, Result<std::optional<SignedDefinition>>> of_publications;
    std::map<std::string, std::set<std::string>> problems;
    Source source{inventory,          images,          publications, files,    wanted,
                  signed_definitions, of_publications, probations,   problems, *table};
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
