#include "head/command/command_line.h"

namespace mangrove::head {

namespace {

CLI::App* add_command(CommandLine& line, CLI::App& parent, const char* name, const char* about) {
    CLI::App* command = parent.add_subcommand(name, about);
    add_json(line, *command);
    return command;
}

CLI::Option* add_release(CommandLine& line, CLI::App& command) {
    return command.add_option("release", line.reference, "Its id, or the start of it")->required();
}

void add_make(CommandLine& line, CLI::App& release) {
    CLI::App* make =
        add_command(line, release, "make", "Makes a release of what is published now, and prints its id");
    make->add_option("image", line.release.image, "An image or a publication")->required();
    make->add_option("--files", line.release.files,
                     "Sets of files: base,hosts; the later ones are above the earlier ones")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("SETS");
    make->add_option("--argument", line.release.arguments, "A kernel argument; may be repeated")
        ->allow_extra_args(false)
        ->type_name("ARGUMENT");
    make->add_option("--definition", line.release.definition,
                     "JSON whose members replace those of the publication's definition")
        ->type_name("JSON");
    make->callback([&line] { line.run([&line](Call& call) { return release_make(call, line.release); }); });
}

} // namespace

void add_release_commands(CommandLine& line) {
    CLI::App* release = line.app.add_subcommand("release", "Releases: all that a node boots, unchanging");
    release->require_subcommand(1);
    add_make(line, *release);
    add_command(line, *release, "list", "Lists releases with the nodes that are committed to them")
        ->callback([&line] { line.run(release_list); });
    CLI::App* show = add_command(line, *release, "show", "Shows a release");
    add_release(line, *show);
    show->callback([&line] { line.run([&line](Call& call) { return release_show(call, line.reference); }); });
    CLI::App* diff = add_command(line, *release, "diff",
                                 "Shows what differs: packages, files, kernel arguments, definition");
    diff->footer("Exits with 1 where the releases differ.");
    add_release(line, *diff);
    diff->add_option("other", line.other, "Another release")->required();
    diff->callback([&line] {
        bool different = false;
        line.run([&](Call& call) { return release_diff(call, line.reference, line.other, different); });
        line.exit_code = line.exit_code != 0 ? 2 : different ? 1 : 0;
    });
    CLI::App* sign = add_command(line, *release, "sign",
                                 "Signs what the nodes of a release boot, with their rendered files");
    sign->footer(
        "Sign it again when values change from which its files are made: until then, nodes boot the files\n"
        "that were signed.");
    add_release(line, *sign);
    sign->add_option("--nodes", line.node_set, kNodesHelp)->type_name("NODES");
    add_signing_options(line, *sign, nullptr);
    sign->callback([&line] {
        line.run([&line](Call& call) {
            return release_sign(call, line.reference, line.node_set.empty() ? "all" : line.node_set,
                                line.signing);
        });
    });
    CLI::App* remove = add_command(line, *release, "remove", "Removes a release that no node needs");
    add_release(line, *remove);
    remove->callback(
        [&line] { line.run([&line](Call& call) { return release_remove(call, line.reference); }); });
}

} // namespace mangrove::head
