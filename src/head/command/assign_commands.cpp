#include "head/command/assign_commands.h"

#include <algorithm>
#include <cstdio>

#include "head/nodes/field_edit.h"
#include "head/nodes/node_set.h"
#include "head/publish/publishing.h"

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

constexpr const char* kImage = "values.image";

/// Nodes of a word that is a MAC address, or a node set.
Result<std::vector<std::string>> nodes_of(const Inventory& inventory, const std::string& written) {
    Result<std::string> mac = normalize_mac(written);
    if (!mac) return inventory.select(written);
    for (const std::string& name : inventory.names("node")) {
        std::vector<std::string> macs = macs_of(*inventory.find("node", name));
        if (std::ranges::find(macs, *mac) != macs.end()) return std::vector<std::string>{name};
    }
    return permanent_error("no node has the MAC address ", *mac);
}

template <typename Edit>
Outcome<> change_each(Call& call, const Writing& writing, const std::vector<std::string>& nodes,
                      const Edit& edit) {
    return change(call, writing, [&](const Inventory& before) -> Result<Edits> {
        Edits edits;
        for (const std::string& written : nodes)
            for (const std::string& name : TRY(nodes_of(before, written))) {
                Object object = copy_of(*TRY(before.get("node", name)));
                TRY(edit(object));
                edits.insert_or_assign(object.key(), std::move(object));
            }
        return edits;
    });
}

/// The value `image` of each node, also where a group gives it.
std::map<std::string, std::vector<std::string>> nodes_by_image(const Inventory& inventory) {
    std::map<std::string, std::vector<std::string>> nodes;
    for (const std::string& name : inventory.names("node")) {
        ResolvedNode resolved = inventory.resolve(*inventory.find("node", name));
        const cJSON* values = cJSON_GetObjectItemCaseSensitive(resolved.fields.get(), "values");
        nodes[text_at(values, "image")].push_back(name);
    }
    return nodes;
}

} // namespace

bool has_nodes(const Call& call) {
    if (!database_exists(call.directories.database)) return false;
    Result<Inventory> inventory = load_inventory(call);
    // Where etcd is away, the command itself says so.
    return inventory ? !inventory->names("node").empty() : is_etcd_url(call.directories.database);
}

Outcome<> assign_nodes(Call& call, const Writing& writing, const std::string& reference,
                       const std::vector<std::string>& nodes) {
    Record publication = TRY(find_one_published(call.directories, reference, "assign"));
    Image image = TRY(Store(call.directories.images).find(publication.image));
    if (image.kernel_version.empty())
        return permanent_error(
            image.id, ": it has no kernel to boot; build it from a tree that has one, or with --kernel");
    std::string assignment = text(kImage, "=", publication.id);
    return change_each(call, writing, nodes, [&](Object& node) { return set_field(node, assignment); });
}

Outcome<> unassign_nodes(Call& call, const Writing& writing, const std::vector<std::string>& nodes) {
    return change_each(call, writing, nodes, [](Object& node) { return unset_field(node, kImage); });
}

Outcome<> assigned_nodes(Call& call) {
    std::map<std::string, std::vector<std::string>> all = nodes_by_image(TRY(load_inventory(call)));
    if (call.form == Form::table) std::printf("%-40s %s\n", "IMAGE", "NODES");
    Json array(cJSON_CreateArray());
    for (const auto& [image, nodes] : all) {
        if (call.form == Form::table)
            std::printf("%-40s %s\n", image.empty() ? "-" : image.c_str(), fold_nodes(nodes).c_str());
        cJSON* json = cJSON_CreateObject();
        add_text(json, "image", image);
        add_text(json, "nodes", fold_nodes(nodes));
        cJSON_AddItemToArray(array.get(), json);
    }
    if (call.form == Form::json) print(array);
    return {};
}

Result<> check_unassigned(const Call& call, const std::string& reference) {
    if (!has_nodes(call)) return {};
    Inventory inventory = TRY(load_inventory(call));
    std::map<std::string, std::vector<std::string>> all = nodes_by_image(inventory);
    Result<std::vector<Record>> meant = find_published(call.directories, reference);
    for (const Record& publication : meant ? *meant : std::vector<Record>())
        if (auto found = all.find(publication.id); found != all.end())
            return permanent_error(publication.id, ": assigned to ", fold_nodes(found->second),
                                   "; assign another image first");
    return {};
}

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
