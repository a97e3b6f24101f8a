#include "head/command/command_line.h"
#include "head/command/power_commands.h"

namespace mangrove::head {

void add_power_commands(CommandLine& line) {
    CLI::App* group = line.app.add_subcommand("power", "Power of nodes, by their BMCs");
    group->require_subcommand(1);
    struct Command {
        const char* name;
        const char* about;
        PowerOrder order;
    };
    for (const Command& one : std::initializer_list<Command>{
             {"status", "Shows which nodes are on", PowerOrder::status},
             {"on", "Switches nodes on", PowerOrder::on},
             {"off", "Switches nodes off at once, without a shutdown", PowerOrder::off},
             {"cycle", "Switches nodes off and on; one that is off is switched on", PowerOrder::cycle}}) {
        CLI::App* added = group->add_subcommand(one.name, one.about);
        add_json(line, *added);
        added->callback([&line, order = one.order] {
            line.run([&](Call& call) { return power(call, line.writing(), order, line.node_set); });
        });
        if (one.order != PowerOrder::status) added->add_flag("-y,--yes", line.yes, "Do not ask");
        added->add_option("nodes", line.node_set, kNodesHelp)->required();
    }
}

} // namespace mangrove::head
