#include "head/command/command_line.h"
#include "head/command/discover_commands.h"
#include "head/import/import.h"

namespace mangrove::head {

namespace {

constexpr const char* kAssignmentHelp = "FIELD=VALUE; of a list also FIELD+=VALUE and FIELD-=VALUE";

CLI::App* add_command(CommandLine& line, CLI::App& parent, const char* name, const char* about,
                      const std::function<Outcome<>(Call& call)>& command) {
    CLI::App* added = parent.add_subcommand(name, about);
    add_json(line, *added);
    added->callback([&line, command] { line.run(command); });
    return added;
}

CLI::App* add_write(CommandLine& line, CLI::App& parent, const char* name, const char* about,
                    const std::function<Outcome<>(Call& call)>& command) {
    CLI::App* added = add_command(line, parent, name, about, command);
    added->add_flag("-y,--yes", line.yes, "Do not ask");
    added->add_flag("--dry-run", line.dry_run, "Only show what would change");
    return added;
}

void add_nodes_option(CommandLine& line, CLI::App& command) {
    command.add_option("nodes", line.node_set, kNodesHelp)->required();
}

void add_node_writes(CommandLine& line, CLI::App& node) {
    CLI::App* add = add_write(line, node, "add", "Adds nodes", [&line](Call& call) {
        return add_nodes(call, line.writing(), line.node_set, line.assignments);
    });
    add->add_option("nodes", line.node_set, "The names of the new nodes: n001, n[001-010]")->required();
    add->add_option("assignment", line.assignments, kAssignmentHelp);
    CLI::App* set = add_write(line, node, "set", "Changes fields of nodes", [&line](Call& call) {
        return set_nodes(call, line.writing(), line.node_set, line.assignments);
    });
    add_nodes_option(line, *set);
    set->add_option("assignment", line.assignments, kAssignmentHelp)->required();
    CLI::App* unset = add_write(line, node, "unset", "Removes fields of nodes", [&line](Call& call) {
        return unset_nodes(call, line.writing(), line.node_set, line.assignments);
    });
    add_nodes_option(line, *unset);
    unset->add_option("field", line.assignments, "A field: values.rack, bmc, interfaces.eth0.mtu")
        ->required();
    add_nodes_option(line, *add_write(line, node, "remove", "Removes nodes", [&line](Call& call) {
                         return remove_nodes(call, line.writing(), line.node_set);
                     }));
    CLI::App* rename = add_write(line, node, "rename", "Gives a node another name", [&line](Call& call) {
        return rename_node(call, line.writing(), line.reference, line.other);
    });
    rename->add_option("node", line.reference, "Its name")->required();
    rename->add_option("name", line.other, "The new name")->required();
}

void add_import(CommandLine& line, CLI::App& node) {
    CLI::App* import =
        add_write(line, node, "import", "Makes nodes and groups of another program's file",
                  [&line](Call& call) { return import_file(call, line.writing(), line.format, line.path); });
    import->add_option("--from", line.format, join(import_format_names(), ", "))
        ->required()
        ->type_name("FORMAT");
    import->add_option("file", line.path, "The file")->required()->type_name("FILE");
}

void add_node_reads(CommandLine& line, CLI::App& node) {
    add_command(line, node, "list", "Lists nodes with their groups", [&line](Call& call) {
        return list_nodes(call, line.node_set);
    })->add_option("nodes", line.node_set, kNodesHelp);
    CLI::App* show = add_command(
        line, node, "show", "Shows what nodes have, with what their groups give them", [&line](Call& call) {
            return show_nodes(call, line.node_set, line.explain ? Explain::yes : Explain::no);
        });
    add_nodes_option(line, *show);
    show->add_flag("--explain", line.explain, "Also where each value comes from, and what it hides");
}

void add_group_option(CommandLine& line, CLI::App& command, const char* about = "A group") {
    command.add_option("group", line.reference, about)->required();
}

void add_group_commands(CommandLine& line) {
    CLI::App* group = line.app.add_subcommand("group", "Groups of nodes, and the values that they give");
    group->require_subcommand(1);
    CLI::App* add = add_write(line, *group, "add", "Adds a group", [&line](Call& call) {
        return add_group(call, line.writing(), line.reference, line.assignments);
    });
    add_group_option(line, *add, "The name of the new group");
    add->add_option("assignment", line.assignments, kAssignmentHelp);
    CLI::App* set = add_write(line, *group, "set", "Changes fields of a group", [&line](Call& call) {
        return set_group(call, line.writing(), line.reference, line.assignments);
    });
    add_group_option(line, *set);
    set->add_option("assignment", line.assignments, kAssignmentHelp)->required();
    CLI::App* unset = add_write(line, *group, "unset", "Removes fields of a group", [&line](Call& call) {
        return unset_group(call, line.writing(), line.reference, line.assignments);
    });
    add_group_option(line, *unset);
    unset->add_option("field", line.assignments, "A field: values.rack, match, files")->required();
    add_write(line, *group, "remove", "Removes groups that nothing uses",
              [&line](Call& call) { return remove_groups(call, line.writing(), line.groups); })
        ->add_option("group", line.groups, "Groups")
        ->required();
    add_command(line, *group, "list", "Lists groups with their nodes",
                [](Call& call) { return list_groups(call); });
    add_group_option(line, *add_command(line, *group, "show", "Shows the fields of a group",
                                        [&line](Call& call) { return show_group(call, line.reference); }));
}

void add_file_commands(CommandLine& line) {
    CLI::App* apply =
        add_write(line, line.app, "apply", "Makes nodes and groups what files say, in one transaction",
                  [&line](Call& call) {
                      return apply_files(call, line.writing(), line.path,
                                         line.prune ? Others::are_deleted : Others::stay);
                  });
    make_absolute(
        *apply->add_option("-f,--file", line.path, "A file, or a directory of *.yaml, *.yml and *.json")
             ->required());
    apply->add_flag("--prune", line.prune, "Also remove the nodes and groups that the files do not name");
    CLI::App* exported =
        add_command(line, line.app, "export", "Writes all nodes and groups as files for apply",
                    [&line](Call& call) { return export_files(call, line.path); });
    make_absolute(
        *exported->add_option("-o,--output", line.path, "The directory; it is made where it is missing")
             ->required());
    CLI::App* backup = add_command(line, line.app, "backup", "Writes a copy of the database of nodes",
                                   [&line](Call& call) { return back_up(call, line.path); });
    make_absolute(*backup->add_option("copy", line.path, "The file, which must not exist")->required());
    CLI::App* restore =
        add_command(line, line.app, "restore-backup", "Replaces the database of nodes by a backup",
                    [&line](Call& call) { return restore_backup(call, line.writing(), line.path); });
    restore->add_flag("-y,--yes", line.yes, "Do not ask");
    make_absolute(
        *restore->add_option("copy", line.path, "A file that mangrovectl backup wrote")->required());
}

void add_discover_commands(CommandLine& line) {
    CLI::App* discover = line.app.add_subcommand("discover", "Machines that asked to boot and are no nodes");
    discover->require_subcommand(1);
    auto add_machines = [&line](CLI::App& command) {
        command.add_option("machine", line.nodes, "MAC addresses, or all")->required();
    };
    add_command(line, *discover, "list", "Lists them", static_cast<Outcome<> (*)(Call&)>(list_discovered));
    CLI::App* accept = add_write(line, *discover, "accept", "Makes nodes of them", [&line](Call& call) {
        std::vector<std::string> machines;
        std::vector<std::string> assignments;
        for (const std::string& word : line.nodes)
            (word.contains('=') ? assignments : machines).push_back(word);
        return accept_discovered(call, line.writing(), machines, line.node_set, assignments);
    });
    add_machines(*accept);
    accept->add_option("--as", line.node_set, "Their names, of which each gets the next free one: n[001-100]")
        ->required()
        ->type_name("NODES");
    accept->footer("Further arguments FIELD=VALUE are fields of the new nodes.\n\n"
                   "  mangrovectl discover accept all --as n[001-100] groups=compute");
    CLI::App* enroll =
        add_write(line, *discover, "enroll", "Enrols the TPMs with which nodes ask for their definitions",
                  [&line](Call& call) { return enroll_tpms(call, line.writing(), line.node_set); });
    enroll->add_option("nodes", line.node_set, kNodesHelp)->required();
    enroll->footer(
        "From then on a node with values.trust=tpm is served with this TPM alone. Compare values.tpm\n"
        "with what the node shows where others could have its address.");
    add_machines(*add_command(line, *discover, "forget", "Takes them off the list until they ask again",
                              [&line](Call& call) { return forget_discovered(call, line.nodes); }));
}

void add_needs_restart(CommandLine& line) {
    CLI::App* command = line.app.add_subcommand("needs-restart",
                                                "Lists nodes that booted something else than they would now");
    add_json(line, *command);
    command->add_option("nodes", line.node_set, "Only of these nodes");
    command->footer("Exits with 1 where a node needs a restart, and with 2 after an error.");
    command->callback([&line] {
        bool is_needed = false;
        line.run([&](Call& call) { return show_needs_restart(call, line.node_set, is_needed); });
        line.exit_code = line.exit_code != 0 ? 2 : is_needed ? 1 : 0;
    });
}

} // namespace

void add_node_commands(CommandLine& line) {
    CLI::App* node = line.app.add_subcommand("node", "Nodes of the cluster");
    node->require_subcommand(1);
    add_node_writes(line, *node);
    add_import(line, *node);
    add_node_reads(line, *node);
    add_discover_commands(line);
    add_group_commands(line);
    add_file_commands(line);
    add_command(line, line.app, "history", "Lists who changed nodes and groups, when and how",
                [&line](Call& call) { return history(call, line.node_set); })
        ->add_option("nodes", line.node_set, "Only of these nodes; removed ones can be named, too");
    add_needs_restart(line);
    add_write(line, line.app, "undo", "Takes an event of the history back",
              [&line](Call& call) { return undo_event(call, line.writing(), line.event); })
        ->add_option("event", line.event, "Its number")
        ->required();
}

} // namespace mangrove::head
