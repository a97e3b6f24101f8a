/// Candidates for a shell, from the command line itself: its commands and options as CLI11 has them, and what
/// is there for their values.

#include "head/command/completion.h"

#include <algorithm>

#include "head/files/secrets.h"
#include "head/import/import.h"
#include "head/nodes/inventory.h"
#include "head/nodes/operators.h"
#include "head/publish/assignment.h"
#include "head/rollout/release.h"

namespace mangrove::head {

namespace {

using Words = std::vector<std::string>;

Words images(const Directories& directories) {
    Words names;
    Result<std::vector<Image>> all = Store(directories.images).list();
    for (const Image& image : all ? *all : std::vector<Image>())
        names.insert(names.end(), {image.name, image.id});
    return names;
}

std::vector<Record> records(const std::filesystem::path& directory) {
    Result<std::vector<Record>> all = Journal::list(directory);
    return all ? *all : std::vector<Record>();
}

Words publications(const Directories& directories) {
    Words names = images(directories);
    for (const Record& publication : records(directories.publications))
        names.push_back(publication.id);
    return names;
}

Words targets(const Directories& directories) {
    Words names;
    for (const Record& record : records(directories.targets))
        if (record.id == record.image) names.push_back(record.id);
    return names;
}

Words luns(const Directories& directories) {
    Words names;
    for (const Record& record : records(directories.targets))
        if (Result<Lun> lun = lun_from(record); record.id != record.image && lun) names.push_back(lun->name);
    return names;
}

Words nodes(const Directories& directories) {
    Words names;
    Result<std::vector<Assignment>> all = BootDirectory(directories.boot).list();
    for (const Assignment& assignment : all ? *all : std::vector<Assignment>())
        names.push_back(assignment.node);
    return names;
}

/// Nothing where there is no database: completion makes none.
std::unique_ptr<Database> open_existing(const Directories& directories) {
    if (!database_exists(directories.database)) return nullptr;
    return open_database(directories.database).value_or(nullptr);
}

Words names_of(const Directories& directories, const std::string& noun) {
    std::unique_ptr<Database> database = open_existing(directories);
    if (!database) return {};
    Result<Inventory> inventory = Inventory::load(*database);
    return inventory ? inventory->names(noun) : Words();
}

Words groups(const Directories& directories) {
    return names_of(directories, "group");
}

Words known_nodes(const Directories& directories) {
    return names_of(directories, "node");
}

Words node_sets(const Directories& directories) {
    Words sets = known_nodes(directories);
    for (const std::string& group : groups(directories))
        sets.push_back("@" + group);
    sets.emplace_back("all");
    return sets;
}

Words file_sets(const Directories& directories) {
    std::unique_ptr<Database> database = open_existing(directories);
    if (!database) return {};
    Words names;
    Result<std::vector<FileSet>> all = list_file_sets(*database);
    for (const FileSet& set : all ? *all : std::vector<FileSet>())
        names.push_back(set.name);
    return names;
}

Words secrets(const Directories& directories) {
    std::unique_ptr<Database> database = open_existing(directories);
    if (!database) return {};
    Words names;
    Result<std::vector<Secret>> all = list_secrets(*database);
    for (const Secret& secret : all ? *all : std::vector<Secret>())
        names.push_back(secret.name);
    return names;
}

Words moments(const Directories&) {
    return {"boot", "live"};
}

Words transports(const Directories&) {
    return transport_names();
}

Words forms(const Directories&) {
    return output_format_names();
}

Words signed_forms(const Directories&) {
    return {"argument", "envelope"};
}

Words servers(const Directories&) {
    return server_names();
}

Words target_servers(const Directories&) {
    return target_server_names();
}

Words import_formats(const Directories&) {
    return import_format_names();
}

Words tokens(const Directories& directories) {
    std::unique_ptr<Database> database = open_existing(directories);
    if (!database) return {};
    Words names;
    Result<std::vector<Token>> all = list_tokens(*database);
    for (const Token& token : all ? *all : std::vector<Token>())
        names.push_back(token.name);
    return names;
}

Words releases(const Directories& directories) {
    std::unique_ptr<Database> database = open_existing(directories);
    if (!database) return {};
    Words ids;
    Result<std::vector<Release>> all = list_releases(*database);
    if (!all) return {};
    for (const Release& release : *all)
        ids.push_back(release.id);
    return ids;
}

Words roles(const Directories&) {
    return {"view", "operate", "admin"};
}

Words files(const Directories&) {
    return {kFilesWanted};
}

/// Where a value is not one of a file, and what it can be. `command`: "import", "node import", or empty for
/// all.
struct Values {
    std::string_view command;
    std::string_view option;
    Words (*candidates)(const Directories& directories);
};

constexpr Values kValues[] = {
    {"", "--over", transports},
    {"sign", "--print", signed_forms},
    {"", "--print", forms},
    {"start", "--server", target_servers},
    {"", "--server", servers},
    {"make", "image", publications},
    {"", "image", images},
    {"diff", "a", images},
    {"diff", "b", images},
    {"import", "set", file_sets},
    {"", "set", file_sets},
    {"", "secret", secrets},
    {"", "--moment", moments},
    {"", "--nodes", node_sets},
    {"", "publication", publications},
    {"", "--for", publications},
    {"start", "--name", nullptr},
    {"", "--name", targets},
    {"remove-lun", "lun", luns},
    {"upload-image", "lun", luns},
    {"add-lun", "path", files},
    {"", "source", files},
    {"node import", "--from", import_formats},
    {"", "file", files},
    {"", "--from", files},
    {"", "--kernel", files},
    {"", "--modules", files},
    {"", "--mangrove", files},
    {"", "--chap-file", files},
    {"", "--credentials", files},
    {"", "--node-credentials", files},
    {"", "--authfile", files},
    {"", "--key", files},
    {"", "--signers", files},
    {"", "--signature", files},
    {"", "--directory", files},
    {"", "--device", files},
    {"", "--store", files},
    {"", "--publications", files},
    {"", "--targets", files},
    {"", "--boot-directory", files},
    {"make", "--files", file_sets},
    {"", "release", releases},
    {"release diff", "other", releases},
    {"", "--role", roles},
    {"", "token", tokens},
    {"unassign", "node", nodes},
    {"rename", "node", known_nodes},
    {"add", "nodes", nullptr},
    {"", "nodes", node_sets},
    {"add", "group", nullptr},
    {"", "group", groups},
    {"", "--database", files},
    {"", "--file", files},
    {"", "--output", files},
    {"", "--profile", files},
    {"", "profile", known_nodes},
    {"", "profiles", known_nodes},
    {"", "--initramfs", files},
    {"", "--cert", files},
    {"", "--stub", files},
    {"", "copy", files},
};

Words values_of(const CLI::App& command, const CLI::Option& option, const Directories& directories) {
    std::string name = option.get_single_name();
    if (!option.get_lnames().empty()) name = "--" + option.get_lnames()[0];
    std::string qualified =
        text(command.get_parent() ? command.get_parent()->get_name() : "", " ", command.get_name());
    for (const Values& values : kValues)
        if (values.option == name
            && (values.command.empty() || values.command == command.get_name()
                || values.command == qualified))
            return values.candidates ? values.candidates(directories) : Words();
    return {};
}

/// The command that the words lead to, and what its next word is.
struct Place {
    const CLI::App* command;
    const CLI::Option* option = nullptr; ///< whose value comes next
    size_t positionals = 0;              ///< so many were given
};

const CLI::App* subcommand(const CLI::App& command, const std::string& name) {
    for (const CLI::App* one : command.get_subcommands([](const CLI::App*) { return true; }))
        if (one->get_name() == name) return one;
    return nullptr;
}

Place follow(const CLI::App& app, const Words& words) {
    Place place{&app};
    for (const std::string& word : words) {
        if (place.option) {
            place.option = nullptr;
        } else if (word.starts_with("-")) {
            const CLI::Option* option = place.command->get_option_no_throw(word);
            if (option && option->get_items_expected_max() > 0) place.option = option;
        } else if (const CLI::App* inner = subcommand(*place.command, word)) {
            place = {inner};
        } else {
            ++place.positionals;
        }
    }
    return place;
}

Words candidates_at(const Place& place, bool wants_option, const Directories& directories) {
    if (place.option) return values_of(*place.command, *place.option, directories);
    Words candidates;
    size_t positional = 0;
    for (const CLI::Option* option : place.command->get_options()) {
        if (wants_option)
            for (const std::string& name : option->get_lnames())
                candidates.push_back("--" + name);
        if (wants_option || !option->get_lnames().empty() || !option->get_snames().empty()) continue;
        if (positional++ == place.positionals) candidates = values_of(*place.command, *option, directories);
    }
    if (wants_option) return candidates;
    for (const CLI::App* one : place.command->get_subcommands([](const CLI::App*) { return true; }))
        candidates.push_back(one->get_name());
    return candidates;
}

} // namespace

std::vector<std::string> complete(const CommandLine& line, std::vector<std::string> words) {
    if (words.empty()) words.emplace_back();
    std::string current = words.back() == "=" ? "" : words.back();
    words.pop_back();
    std::erase(words, "=");
    Words candidates = candidates_at(follow(line.app, words), current.starts_with("-"), line.directories);
    std::erase_if(candidates, [&](const std::string& candidate) {
        return candidate != kFilesWanted && !candidate.starts_with(current);
    });
    std::ranges::sort(candidates);
    candidates.erase(std::ranges::unique(candidates).begin(), candidates.end());
    return candidates;
}

} // namespace mangrove::head
