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
    BootTable& table;
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

Result<std::vector<std::string>> kernel_arguments(const cJSON* values) {
    const cJSON* kernel = cJSON_GetObjectItemCaseSensitive(values, "kernel");
    std::vector<std::string> arguments = texts_at(kernel, "arguments");
    // An entry with blanks is several, as Warewulf writes them.
    std::vector<std::string> words;
    for (const std::string& argument : arguments)
        for (std::string& word : split(argument, ' '))
            if (!word.empty()) words.push_back(std::move(word));
    for (const std::string& word : words)
        TRY(check_kernel_argument(word), "reading values.kernel.arguments");
    return words;
}

} // namespace

Preparer::Preparer(Settings settings, Directories directories, RenderProgram program, fs::path authority)
    : settings_(std::move(settings)), directories_(std::move(directories)), authority_(std::move(authority)),
      files_(std::move(program), store_beside(directories_.database, settings_.state),
             settings_.trust == Trust::open) {}

Result<> Preparer::fill_in(ServedNode& node, const Object& object, const Source& source) {
    ResolvedNode resolved = source.inventory.resolve(object);
    const cJSON* values = cJSON_GetObjectItemCaseSensitive(resolved.fields.get(), "values");
    node.addresses = addresses_of(resolved.fields.get());
    if (std::string trust = text_at(values, "trust"); !trust.empty())
        node.trust = TRY(trust_from(trust), "reading values.trust");
    std::string reference = text_at(values, "image");
    if (reference.empty())
        return permanent_error("no image; mangrovectl assign IMAGE ", node.name, ", or set values.image");
    BootChoice choice =
        TRY(choose_image(reference, text_at(values, "over"), source.images, source.publications));
    node.image = choice.publication->id;
    if (choice.image->kernel_version.empty())
        return permanent_error("image ", choice.image->id, ": it has no kernel; build it with one");
    std::string base = http_base(settings_);
    auto blob = [&](const fs::path& file) -> Result<std::string> {
        std::string digest = TRY(blobs_.digest(file));
        source.table.blobs[digest] = file;
        return text(base, "/blob/", digest);
    };
    BootParts parts{.title = text(node.name, ": ", node.image),
                    .kernel = TRY(blob(choice.image->kernel())),
                    .initramfs = TRY(blob(choice.image->initramfs())),
                    .definition = {},
                    .report = {},
                    .arguments = TRY(kernel_arguments(values))};
    bool is_open = node.trust == Trust::open;
    if (!is_open) parts.authority = TRY(blob(authority_));
    std::string own = is_open ? base : https_base(settings_);
    parts.definition = text(own, "/n/definition?node=", node.name);
    parts.report = text(own, "/n/report?node=", node.name);
    node.script = boot_script(parts, base, settings_.screen);
    NodeAdditions additions{.name = node.name,
                            .values = cJSON_GetObjectItemCaseSensitive(values, "definition"),
                            .report_url = parts.report};
    if (auto files = source.files.find(node.name); files != source.files.end()) {
        if (!files->second.problem.empty()) return permanent_error(files->second.problem);
        for (const std::string& digest : files->second.boot) {
            node.files.insert(digest);
            additions.files.push_back({text(own, "/n/files/", digest, ".tar?node=", node.name), digest});
        }
        node.live = files->second.live;
        if (!node.live.empty()) {
            node.files.insert(node.live);
            additions.live_url = text(own, "/n/live?node=", node.name);
        }
        add_recent_files(node);
        for (const std::string& digest : node.files)
            source.table.tars[digest] = files_.store().rendered(digest);
    }
    node.definition = TRY(node_definition(choice.publication->definition, additions));
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

Result<std::shared_ptr<const BootTable>> Preparer::prepare(Database& database) {
    Inventory inventory = TRY(Inventory::load(database));
    std::vector<Image> images = TRY(Store(directories_.images).list());
    std::vector<Record> publications = TRY(Journal::list(directories_.publications));
    auto table = std::make_shared<BootTable>();
    std::map<std::string, NodeFiles> files = TRY(files_.render(database, inventory, *table));
    Source source{inventory, images, publications, files, *table};
    std::map<std::string, std::vector<std::string>> problems;
    for (const std::string& name : inventory.names("node")) {
        const Object& object = *inventory.find("node", name);
        ServedNode node{.name = name, .macs = macs_of(object), .addresses = {}, .trust = settings_.trust};
        for (const std::string& mac : node.macs)
            table->names[mac] = name;
        if (Result<> filled = fill_in(node, object, source); !filled) {
            node.problem = describe(filled.error());
            problems[node.problem].push_back(name);
        }
        table->nodes.emplace(name, std::move(node));
    }
    for (const auto& [problem, nodes] : problems)
        if (!problem.starts_with("files "))
            table->problems.push_back(text("node ", fold_nodes(nodes), ": ", problem));
    std::set<std::string> kept;
    for (const auto& [digest, file] : table->tars)
        kept.insert(digest);
    files_.store().prune_rendered(kept);
    return table;
}

} // namespace mangrove::head
