#include "ctl/assign_commands.h"
#include "ctl/command_line.h"

namespace mangrove::ctl {

void add_assign_commands(CommandLine& line) {
    const char* nodes =
        "Addresses of nodes' cards (52:54:00:12:34:56), or 'all' for those without an image of their own";
    CLI::App* assign =
        line.app.add_subcommand("assign", "Has nodes boot what is published, from their next start on");
    assign->footer(
        "Nodes load it from the boot directory, by the script of docs/pxe.md. A node goes back to an older\n"
        "image by being assigned it again, as long as that is published.");
    assign->add_option("publication", line.reference, "Its id, or an image that is published once")
        ->required();
    assign->add_option("node", line.nodes, nodes)->required();
    assign->add_flag("--dry-run", line.dry_run, "Only show what would change");
    assign->callback([&line] {
        line.exit_code = report(ctl::assign(line.directories, line.reference, line.nodes, line.run()));
    });
    CLI::App* unassign = line.app.add_subcommand("unassign", "Has nodes boot what all boot");
    unassign->add_option("node", line.nodes, nodes)->required();
    unassign->add_flag("--dry-run", line.dry_run, "Only show what would change");
    unassign->callback(
        [&line] { line.exit_code = report(ctl::unassign(line.directories, line.nodes, line.run())); });
    CLI::App* assigned = line.app.add_subcommand("assigned", "Lists what nodes boot");
    assigned->add_flag("--json", line.json, "The list as JSON");
    assigned->callback([&line] { line.exit_code = report(list_assigned(line.directories, line.form())); });
}

} // namespace mangrove::ctl
