#include "head/command/assign_commands.h"

#include <cstdio>

namespace mangrove::head {

namespace {

std::string text_of(const AssignmentChange& change) {
    const auto& [node, before, after] = change;
    std::string was = before.empty() ? "" : before == after ? " (unchanged)" : ", was " + before;
    return text(node_text(node), ": ", after.empty() ? "nothing" : after, was);
}

void print_changes(const Call& call, const Assigned& done) {
    Json json = make_json_object();
    cJSON* changes = cJSON_AddArrayToObject(json.get(), "changes");
    for (const AssignmentChange& change : done.changes) {
        if (call.form == Form::table) print_line(text_of(change));
        cJSON* one = cJSON_CreateObject();
        add_text(one, "node", node_text(change.node));
        add_text(one, "before", change.before);
        add_text(one, "publication", change.after);
        cJSON_AddItemToArray(changes, one);
    }
    add_texts(json.get(), "warnings", done.warnings);
    if (call.form == Form::json) print(json);
}

} // namespace

Outcome<> assign(Call& call, const std::string& reference, const std::vector<std::string>& nodes, Run run,
                 Scripts scripts) {
    print_changes(call, TRY(assign(call.directories, reference, nodes, run, scripts, call.progress)));
    return {};
}

Outcome<> unassign(Call& call, const std::vector<std::string>& nodes, Run run) {
    print_changes(call, TRY(unassign(call.directories, nodes, run, call.progress)));
    return {};
}

Outcome<> assigned(Call& call) {
    std::vector<Assignment> all = TRY(BootDirectory(call.directories.boot).list());
    if (call.form == Form::table) std::printf("%-20s %s\n", "NODE", "PUBLICATION");
    Json array(cJSON_CreateArray());
    for (const Assignment& assignment : all) {
        if (call.form == Form::table)
            std::printf("%-20s %s\n", node_text(assignment.node).c_str(), assignment.publication.c_str());
        cJSON* json = cJSON_CreateObject();
        add_text(json, "node", node_text(assignment.node));
        add_text(json, "publication", assignment.publication);
        add_text(json, "image", assignment.image);
        add_text(json, "kernel_version", assignment.kernel_version);
        cJSON_AddItemToArray(array.get(), json);
    }
    if (call.form == Form::json) print(array);
    if (all.empty()) hint(call, "nothing is assigned; mangrovectl assign IMAGE all");
    return {};
}

} // namespace mangrove::head
