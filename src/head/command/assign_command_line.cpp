#include "head/command/command_line.h"

namespace mangrove::head {

void add_assign_commands(CommandLine& line) {
    const char* nodes = "Node sets (n[001-010], @GROUP, all), or MAC addresses (52:54:00:12:34:56)";
    CLI::App* assign =
        line.app.add_subcommand("assign", "Has nodes boot a published image, from their next start on");
    assign->footer(
        "mangrove-head serves it to nodes of the database. Where that has no nodes, machines load it\n"
        "from the boot directory, by its script boot.ipxe (docs/pxe.md), and 'all' are those without one\n"
        "To go back to an older image, assign that again; it has to be\n"
        "published still.\n"
        "\n"
        "  mangrovectl assign debian 52:54:00:12:34:56\n"
        "  mangrovectl assign debian all");
    assign
        ->add_option("publication", line.reference,
                     "Its id or NAME.TRANSPORT, or an image that is published once")
        ->required();
    assign->add_option("node", line.nodes, nodes)->required();
    assign->add_flag("--dry-run", line.dry_run, "Only show what would change");
    assign->add_flag("-y,--yes", line.yes, "Do not ask, where nodes of the database change");
    assign->add_flag("--force", line.force, "Also where the boot directory has no script that reads it");
    add_json(line, *assign);
    assign->callback([&line] {
        line.run([&](Call& call) {
            if (has_nodes(call)) return assign_nodes(call, line.writing(), line.reference, line.nodes);
            return head::assign(call, line.reference, line.nodes, line.mode(),
                                line.force ? Scripts::may_be_missing : Scripts::must_be_there);
        });
    });
    CLI::App* unassign = line.app.add_subcommand(
        "unassign", "Removes nodes' own assignments; they then boot what 'all' is assigned");
    unassign->add_option("node", line.nodes, nodes)->required();
    unassign->add_flag("--dry-run", line.dry_run, "Only show what would change");
    unassign->add_flag("-y,--yes", line.yes, "Do not ask, where nodes of the database change");
    add_json(line, *unassign);
    unassign->callback([&line] {
        line.run([&](Call& call) {
            if (has_nodes(call)) return unassign_nodes(call, line.writing(), line.nodes);
            return head::unassign(call, line.nodes, line.mode());
        });
    });
    CLI::App* assigned = line.app.add_subcommand("assigned", "Lists which nodes boot what");
    add_json(line, *assigned, "The list as JSON, with images and kernels");
    assigned->callback([&line] {
        line.run([](Call& call) { return has_nodes(call) ? assigned_nodes(call) : head::assigned(call); });
    });
}

} // namespace mangrove::head
