#include "head/command/command_line.h"
#include "head/command/profile_commands.h"

namespace mangrove::head {

void add_profile_commands(CommandLine& line) {
    CLI::App* profile = line.app.add_subcommand("profile", "Profiles of boots: which files they read");
    profile->require_subcommand(1);
    profile->footer(
        "A node whose kernel command line has mangrove.profile=record posts one to mangrove-head, or\n"
        "leaves it in /run/mangrove/profile.json.");
    CLI::App* list = profile->add_subcommand("list", "Lists the profiles that nodes have posted");
    add_json(line, *list);
    list->callback([&line] { line.run(profile_list); });
    CLI::App* record =
        profile->add_subcommand("record", "Has the next boots of nodes record one, until each has posted it");
    record->footer("mangrove-head adds mangrove.profile=record to the kernel arguments of these nodes.\n"
                   "\n"
                   "  mangrovectl profile record n[001-003]");
    record->add_option("nodes", line.reference, "A node set")->required();
    add_json(line, *record);
    record->callback([&line] { line.run([&](Call& call) { return profile_record(call, line.reference); }); });
    CLI::App* show =
        profile->add_subcommand("show", "Shows the files of a profile, in the order in which they are read");
    show->add_option("profile", line.reference, "A node, or a file (with a '/' or .json)")->required();
    add_json(line, *show, "Print the profile itself");
    show->callback([&line] { line.run([&](Call& call) { return profile_show(call, line.reference); }); });
    CLI::App* merge = profile->add_subcommand("merge", "Merges profiles into one for image build --profile");
    merge->footer("The order of the files is that of their mean places.");
    merge->add_option("profiles", line.nodes, "Nodes, or files (with a '/' or .json)")->required();
    merge->add_option("-o,--output", line.output, "The file; - is standard output")
        ->capture_default_str()
        ->type_name("FILE");
    add_json(line, *merge, "Print what was written as JSON");
    merge->callback([&line] {
        std::filesystem::path output = line.output == "-" ? "" : line.output;
        line.run([&](Call& call) { return profile_merge(call, line.nodes, output); });
    });
}

} // namespace mangrove::head
