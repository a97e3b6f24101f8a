#include "head/command/file_command_line.h"

#include <memory>

#include "head/command/file_commands.h"

namespace mangrove::head {

namespace {

/// The arguments of the commands.
struct Given {
    std::string set = {};
    std::filesystem::path from = {};
    std::string moment = {};
    std::string path = {};
    std::string nodes = {};
    std::string output = {};
};
/// The commands keep it, for they run after they are described.
using Words = std::shared_ptr<Given>;

CLI::App* add_command(CommandLine& line, const Words& given, CLI::App& files, const char* name,
                      const char* about, const std::function<Outcome<>(Call& call)>& command) {
    CLI::App* added = files.add_subcommand(name, about);
    added->add_option("set", given->set, "The name of the files")->required();
    add_json(line, *added);
    added->callback([&line, command] { line.run(command); });
    return added;
}

/// For commands that end with 1 where they found something, and with 2 after an error.
void add_answer(CommandLine& line, CLI::App& command,
                const std::function<Outcome<>(Call& call, bool& found)>& run) {
    command.callback([&line, run] {
        bool found = false;
        line.run([&](Call& call) { return run(call, found); });
        line.exit_code = line.exit_code != 0 ? 2 : found ? 1 : 0;
    });
}

void add_import(CommandLine& line, const Words& given, CLI::App& files) {
    CLI::App* added = add_command(
        line, given, files, "import", "Makes a directory the current revision of files",
        [given](Call& call) { return files_import(call, given->set, given->from, given->moment); });
    added->footer(
        "Files named *.tmpl or *.ww are templates. A file .manifest sets owners and modes, with lines\n"
        "PATTERN MODE OWNER GROUP. An overlay of Warewulf imports as it is.");
    added->add_option("--from", given->from, "The directory")->required();
    added->add_option("--moment", given->moment, "boot (default) or live");
}

void add_answers(CommandLine& line, const Words& given, CLI::App& files) {
    CLI::App* check =
        add_command(line, given, files, "check", "Renders files for nodes and prints each error once", {});
    check->add_option("--nodes", given->nodes, "For which nodes: n[001-010], @GROUP, all")->required();
    add_answer(line, *check, [given](Call& call, bool& found) {
        return files_check(call, given->set, given->nodes, found);
    });
    CLI::App* diff =
        add_command(line, given, files, "diff", "Compares what two nodes get, or two revisions", {});
    diff->add_option("first", line.reference, "A node or revision")->required();
    diff->add_option("second", line.other, "The other one")->required();
    add_answer(line, *diff, [&line, given](Call& call, bool& found) {
        return files_diff(call, given->set, line.reference, line.other, found);
    });
}

} // namespace

void add_files_commands(CommandLine& line) {
    auto given = std::make_shared<Given>();
    CLI::App* files = line.app.add_subcommand("files", "Sets of files and templates for nodes");
    files->require_subcommand(1);
    add_import(line, given, *files);
    CLI::App* list = files->add_subcommand("list", "Lists the sets");
    add_json(line, *list);
    list->callback([&line] { line.run(files_list); });
    add_command(line, given, *files, "show", "Shows a set, or prints one of its files", [given](Call& call) {
        return files_show(call, given->set, given->path);
    })->add_option("path", given->path, "One of its files");
    CLI::App* edit = add_command(
        line, given, *files, "edit", "Edits a file and makes it a new revision of the set",
        [&line, given](Call& call) { return files_edit(call, line.writing(), given->set, given->path); });
    edit->footer(
        "The editor is that of VISUAL or EDITOR. When it fails, or changes nothing, nothing is written.");
    edit->add_option("path", given->path, "One of its files")->required();
    edit->add_flag("-y,--yes", line.yes, "Do not ask");
    edit->add_flag("--dry-run", line.dry_run, "Only show what would change");
    CLI::App* render =
        add_command(line, given, *files, "render", "Renders files for nodes", [given](Call& call) {
            return files_render(call, given->set, given->nodes, given->output);
        });
    render->add_option("nodes", given->nodes, "For which nodes: n[001-010], @GROUP, all")->required();
    render->add_option("-o,--output", given->output, "A directory for NODE.tar, or - for one node");
    add_answers(line, given, *files);
    add_command(line, given, *files, "remove", "Removes files that no group names",
                [given](Call& call) { return files_remove(call, given->set); });
}

} // namespace mangrove::head
