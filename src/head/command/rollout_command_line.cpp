#include "head/command/rollout_command_line.h"

#include <memory>

#include "head/command/rollout_commands.h"

namespace mangrove::head {

namespace {

CLI::App* add_command(CommandLine& line, CLI::App& rollout, const char* name, const char* about,
                      const std::function<Outcome<>(Call& call)>& command) {
    CLI::App* added = rollout.add_subcommand(name, about);
    add_json(line, *added);
    added->callback([&line, command] { line.run(command); });
    return added;
}

CLI::App* add_write(CommandLine& line, CLI::App& rollout, const char* name, const char* about,
                    const std::function<Outcome<>(Call& call)>& command) {
    CLI::App* added = add_command(line, rollout, name, about, command);
    added->add_flag("-y,--yes", line.yes, "Do not ask");
    added->add_flag("--dry-run", line.dry_run, "Only show what would change");
    return added;
}

void add_id(CommandLine& line, CLI::App& command) {
    command.add_option("rollout", line.reference, "Its number")->required();
}

void add_start(CommandLine& line, CLI::App& rollout) {
    auto options = std::make_shared<RolloutOptions>();
    CLI::App* start =
        add_write(line, rollout, "start", "Moves nodes to a release, wave by wave",
                  [&line, options](Call& call) { return rollout_start(call, line.writing(), *options); });
    start->footer("  mangrovectl rollout start r-3f1c @compute --canary n[001-002] --soak 15m\n"
                  "    mangrove-head carries it out; mangrovectl rollout watch shows how it goes");
    start->add_option("release", options->release, "Its id, or the start of it")->required();
    start->add_option("nodes", options->nodes, kNodesHelp)->required();
    auto add = [&](const char* name, std::string& value, const char* type, const char* about) {
        start->add_option(name, value, about)->type_name(type);
    };
    add("--canary", options->canary, "NODES", "Nodes that begin; the failure of one stops the rollout");
    add("--waves", options->waves, "PERCENTS",
        "Parts of all nodes that begin one after the other: 5%,25%,100%");
    add("--max", options->max, "AMOUNT", "The most nodes that are under way at once: 25, or 10%");
    add("--spread", options->spread, "KEY=N",
        "The most that are under way with one value of the key: rack=2");
    add("--budget", options->budget, "P%,min=N",
        "Stops when more than P% of the nodes that were tried have failed, and at least N");
    add("--soak", options->soak, "TIME", "How long a node has to stay healthy: 15m");
    add("--deadline", options->deadline, "TIME", "For a restart, a boot, and to become healthy: 15m");
    start->add_option("--tries", options->tries, "Boots of the release that a node gets")->type_name("N");
    add("--window", options->window, "WINDOW", "When nodes may begin: \"Mon-Fri 20:00-06:00 Europe/Madrid\"");
    add("--drain", options->drain, "DRIVER", "Takes the work off a node first: slurm, command:/PATH");
    add("--drain-deadline", options->drain_deadline, "TIME",
        "For the work of a node to end; then it is held, and others begin: 8h");
    add("--restart", options->restart, "DRIVER",
        "Restarts nodes: none (they restart by themselves), ssh, soft, kexec, slurm, power (by the BMC), "
        "command:/PATH");
    add("--on-failure", options->on_failure, "ACTION", "pause, or revert all nodes");
    add("--health", options->health, "HEALTH", "required, or up: a report is enough");
    start
        ->add_option("--allow-failed", options->allowed_units,
                     "A unit that may fail on a healthy node; may be repeated")
        ->allow_extra_args(false)
        ->type_name("UNIT");
    start->add_flag("--approve", options->approve, "Each wave but the first waits for rollout approve");
    start->add_flag("--stateful", options->stateful,
                    "Also nodes whose upper is on a disk, and stays when they revert");
    start->add_flag("--supersede", options->supersede, "Abort running rollouts of these nodes");
}

void add_orders(CommandLine& line, CLI::App& rollout) {
    struct OfRollout {
        const char* name;
        const char* about;
        RolloutOrder order;
    };
    for (const OfRollout& one : std::initializer_list<OfRollout>{
             {"pause", "No more nodes begin", RolloutOrder::pause},
             {"resume", "Goes on; failures until now are forgiven", RolloutOrder::resume},
             {"approve", "The next wave may begin", RolloutOrder::approve},
             {"abort", "Ends it; nodes that are under way go on", RolloutOrder::abort},
             {"revert", "Brings all its nodes back", RolloutOrder::revert}}) {
        CLI::App* added =
            add_write(line, rollout, one.name, one.about, [&line, order = one.order](Call& call) {
                return rollout_order(call, line.writing(), order, line.reference);
            });
        add_id(line, *added);
    }
    struct OfNodes {
        const char* name;
        const char* about;
        NodesOrder order;
    };
    for (const OfNodes& one : std::initializer_list<OfNodes>{
             {"hold", "Keeps nodes from beginning", NodesOrder::hold},
             {"unhold", "Lets them begin again", NodesOrder::unhold},
             {"retry", "Has nodes try again that are reverted or lost", NodesOrder::retry}}) {
        CLI::App* added =
            add_write(line, rollout, one.name, one.about, [&line, order = one.order](Call& call) {
                return rollout_order_nodes(call, line.writing(), order, line.node_set);
            });
        added->add_option("nodes", line.node_set, kNodesHelp)->required();
    }
}

} // namespace

void add_rollout_commands(CommandLine& line) {
    CLI::App* rollout =
        line.app.add_subcommand("rollout", "Rollouts: move nodes to a release, and back where it fails");
    rollout->require_subcommand(1);
    add_start(line, *rollout);
    add_command(line, *rollout, "list", "Lists rollouts with the states of their nodes", rollout_list);
    add_id(line, *add_command(line, *rollout, "show", "Shows a rollout",
                              [&line](Call& call) { return rollout_show(call, line.reference); }));
    add_id(line, *add_command(line, *rollout, "watch", "Shows what changes until the rollout has ended",
                              [&line](Call& call) { return rollout_watch(call, line.reference); }));
    add_orders(line, *rollout);
}

} // namespace mangrove::head
