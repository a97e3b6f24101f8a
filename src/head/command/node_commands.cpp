#include "head/command/node_commands.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <pwd.h>
#include <unistd.h>

#include "base/whole_file.h"
#include "head/command/head_api.h"
#include "head/host/yaml.h"
#include "head/import/import.h"
#include "head/nodes/field_edit.h"
#include "head/nodes/node_set.h"
#include "head/rollout/node_changes.h"

namespace mangrove::head {

Result<std::unique_ptr<Database>> open_database(const Call& call) {
    return open_database(call.directories.database);
}

std::string shown_list(const std::vector<std::string>& words) {
    return words.empty() ? "-" : join(words, ",");
}

std::string who() {
    constexpr uint64_t kNobody = 4294967295;
    Result<std::string> login = read_file("/proc/self/loginuid");
    uint64_t user = login ? parse_number(trim(*login)).value_or(kNobody) : kNobody;
    const char* before_sudo = std::getenv("SUDO_USER");
    if (user == kNobody && before_sudo) return before_sudo;
    const passwd* entry = ::getpwuid(user == kNobody ? ::getuid() : static_cast<uid_t>(user));
    return entry ? entry->pw_name : text(::getuid());
}

Result<> ask(const Writing& writing, const char* question) {
    if (writing.question == Question::is_skipped) return {};
    if (::isatty(STDIN_FILENO) != 1)
        return permanent_error("nothing was changed: no terminal to ask on; run the command with --yes");
    std::fprintf(stderr, "%s [y/N] ", question);
    std::string answer;
    std::getline(std::cin, answer);
    if (lower_case(trim(answer)) == "y" || lower_case(trim(answer)) == "yes") return {};
    return permanent_error("nothing was changed: the answer was not yes");
}

namespace {

using Words = std::vector<std::string>;
using Edit = std::function<Result<>(Object& object)>;

void show_diff(Call& call, const ChangePlan& plan) {
    for (const std::string& line : plan.diff) {
        if (call.form == Form::table) print_line(line);
        if (call.form == Form::json) call.progress.note(line);
    }
    std::fflush(stdout);
}

void print_written(Call& call, const Words& diff, uint64_t event, const Words* ignored) {
    if (event != 0)
        call.progress.note(text("written as event ", event, "; mangrovectl undo ", event, " takes it back"));
    if (call.form != Form::json) return;
    Json json = make_json_object();
    if (event != 0) cJSON_AddNumberToObject(json.get(), "event", static_cast<double>(event));
    add_texts(json.get(), "diff", diff);
    if (ignored) add_texts(json.get(), "ignored", *ignored);
    print(json);
}

} // namespace

Outcome<> change(Call& call, const Writing& writing, const MakeEdits& make_edits, const Words* ignored) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    ChangePlan plan = TRY(plan_changes(*database, make_edits));
    plan.undoes = writing.undoes;
    if (plan.edits.empty()) call.progress.note("nothing changes");
    if (plan.edits.empty() || writing.is_dry_run) {
        if (call.form == Form::table) show_diff(call, plan);
        print_written(call, plan.diff, 0, ignored);
        return {};
    }
    show_diff(call, plan);
    TRY(ask(writing, "Write these changes?"));
    Words diff = plan.diff;
    uint64_t event = TRY(commit_plan(*database, std::move(plan), {who(), writing.command}, follow_nodes));
    print_written(call, diff, event, ignored);
    return {};
}

namespace {

Result<> edit_each(const Inventory& before, const std::string& noun, const Words& names, const Edit& edit,
                   Edits& edits) {
    for (const std::string& name : names) {
        Object object = copy_of(*TRY(before.get(noun, name)));
        TRY(edit(object), "changing ", object.title());
        edits.emplace(object.key(), std::move(object));
    }
    return {};
}

Result<> add_each(const Inventory& before, const std::string& noun, const Words& names, const Edit& edit,
                  Edits& edits) {
    for (const std::string& name : names) {
        if (before.find(noun, name))
            return permanent_error(noun, " ", name, ": already exists; change it with mangrovectl ", noun,
                                   " set");
        Object object{.noun = noun, .name = name};
        TRY(check_name(noun, name));
        TRY(edit(object), "adding ", object.title());
        edits.emplace(object.key(), std::move(object));
    }
    return {};
}

Edit setting(const Words& assignments) {
    return [&assignments](Object& object) -> Result<> {
        for (const std::string& assignment : assignments)
            TRY(set_field(object, assignment));
        return {};
    };
}

Edit unsetting(const Words& fields) {
    return [&fields](Object& object) -> Result<> {
        for (const std::string& field : fields)
            TRY(unset_field(object, field));
        return {};
    };
}

Outcome<> edit_nodes(Call& call, const Writing& writing, const std::string& nodes, const Edit& edit) {
    return change(call, writing, [&](const Inventory& before) -> Result<Edits> {
        Edits edits;
        TRY(edit_each(before, "node", TRY(before.select(nodes)), edit, edits));
        return edits;
    });
}

Outcome<> edit_group(Call& call, const Writing& writing, const std::string& group, const Edit& edit) {
    return change(call, writing, [&](const Inventory& before) -> Result<Edits> {
        Edits edits;
        TRY(edit_each(before, "group", {group}, edit, edits));
        return edits;
    });
}

std::string explained(const Source& source) {
    std::string line = text("  (", source.from);
    for (size_t i = 0; i < source.hides.size(); ++i)
        line += text(i == 0 ? "; hides " : ", ", source.hides[i].value, " of ", source.hides[i].from);
    return line + ")";
}

void print_resolved(const Object& node, const ResolvedNode& resolved, Explain explain) {
    print_line(node.name);
    Words groups = texts_at(resolved.fields.get(), "groups");
    if (!groups.empty()) print_line("  groups: " + join(groups, ", "));
    for (const auto& [path, source] : resolved.sources)
        print_line(text("  ", path, ": ", source.value, explain == Explain::yes ? explained(source) : ""));
}

Result<Words> nodes_or_all(const Inventory& inventory, const std::string& nodes) {
    return nodes.empty() ? inventory.names("node") : inventory.select(nodes);
}

Result<std::vector<Event>> events_of(Database& database, const std::string& nodes) {
    std::vector<Event> events = TRY(list_events(database));
    if (nodes.empty()) return events;
    Words wanted = TRY(TRY(Inventory::load(database)).expand(nodes));
    std::ranges::sort(wanted);
    std::erase_if(events, [&](const Event& event) {
        Result<Words> changed = event.nodes.empty() ? Words() : expand_nodes(event.nodes, {});
        return !changed || std::ranges::none_of(*changed, [&](const std::string& node) {
            return std::ranges::binary_search(wanted, node);
        });
    });
    return events;
}

} // namespace

Result<Inventory> load_inventory(const Call& call) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    return Inventory::load(*database);
}

Outcome<> add_nodes(Call& call, const Writing& writing, const std::string& nodes, const Words& assignments) {
    return change(call, writing, [&](const Inventory& before) -> Result<Edits> {
        Words names = TRY(expand_nodes(nodes, [](std::string_view operand) -> Result<Words> {
            return permanent_error("'", operand,
                                   "': selects nodes that exist; name the new ones: n[001-010]");
        }));
        Edits edits;
        TRY(add_each(before, "node", names, setting(assignments), edits));
        return edits;
    });
}

Outcome<> set_nodes(Call& call, const Writing& writing, const std::string& nodes, const Words& assignments) {
    return edit_nodes(call, writing, nodes, setting(assignments));
}

Outcome<> unset_nodes(Call& call, const Writing& writing, const std::string& nodes, const Words& fields) {
    return edit_nodes(call, writing, nodes, unsetting(fields));
}

Outcome<> remove_nodes(Call& call, const Writing& writing, const std::string& nodes) {
    return change(call, writing, [&](const Inventory& before) -> Result<Edits> {
        Edits edits;
        for (const std::string& name : TRY(before.select(nodes)))
            edits.emplace("node/" + name, std::nullopt);
        return edits;
    });
}

Outcome<> rename_node(Call& call, const Writing& writing, const std::string& node, const std::string& name) {
    return change(call, writing, [&](const Inventory& before) -> Result<Edits> {
        Renaming renaming = TRY(rename_node(before, node, name));
        for (const std::string& group : renaming.joined)
            call.progress.warn(text("node ", name, ": with this name it is in the group ", group, ", too"));
        return std::move(renaming.edits);
    });
}

Outcome<> add_group(Call& call, const Writing& writing, const std::string& group, const Words& assignments) {
    return change(call, writing, [&](const Inventory& before) -> Result<Edits> {
        Edits edits;
        TRY(add_each(before, "group", {group}, setting(assignments), edits));
        return edits;
    });
}

Outcome<> set_group(Call& call, const Writing& writing, const std::string& group, const Words& assignments) {
    return edit_group(call, writing, group, setting(assignments));
}

Outcome<> unset_group(Call& call, const Writing& writing, const std::string& group, const Words& fields) {
    return edit_group(call, writing, group, unsetting(fields));
}

Outcome<> remove_groups(Call& call, const Writing& writing, const Words& groups) {
    return change(call, writing, [&](const Inventory& before) -> Result<Edits> {
        Edits edits;
        for (const std::string& group : groups) {
            TRY(before.get("group", group));
            edits.emplace("group/" + group, std::nullopt);
        }
        return edits;
    });
}

Outcome<> apply_files(Call& call, const Writing& writing, const std::filesystem::path& path, Others others) {
    return change(call, writing,
                  [&](const Inventory& before) { return read_declaration(path, before, others); });
}

Outcome<> import_file(Call& call, const Writing& writing, const std::string& format,
                      const std::filesystem::path& file) {
    Imported imported = TRY(import_text(format, TRY(read_file(file)), file.native()));
    for (const std::string& line : imported.ignored)
        call.progress.warn(line);
    Words ignored = imported.ignored;
    return change(
        call, writing,
        [&](const Inventory& before) -> Result<Edits> { return edits_of(std::move(imported), before); },
        &ignored);
}

Outcome<> undo_event(Call& call, Writing writing, uint64_t event) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    writing.undoes = event;
    return change(call, writing,
                  [&](const Inventory& before) { return undo_event(*database, before, event); });
}

Outcome<> list_nodes(Call& call, const std::string& nodes) {
    Inventory inventory = TRY(load_inventory(call));
    Words names = TRY(nodes_or_all(inventory, nodes));
    Json all(cJSON_CreateArray());
    if (call.form == Form::table) std::printf("%-20s %-18s %s\n", "NODE", "MAC", "GROUPS");
    for (const std::string& name : names) {
        const Object& node = *inventory.find("node", name);
        Words macs = macs_of(node);
        if (call.form == Form::json)
            cJSON_AddItemToArray(all.get(), inventory.description_of(node).release());
        else
            std::printf("%-20s %-18s %s\n", name.c_str(), macs.empty() ? "-" : macs[0].c_str(),
                        shown_list(inventory.groups_of(node)).c_str());
    }
    if (call.form == Form::json) print(all);
    if (names.empty()) hint(call, "there are no nodes; mangrovectl node add n001 macs=52:54:00:12:34:56");
    return {};
}

Outcome<> show_nodes(Call& call, const std::string& nodes, Explain explain) {
    Inventory inventory = TRY(load_inventory(call));
    Json all(cJSON_CreateArray());
    for (const std::string& name : TRY(inventory.select(nodes))) {
        const Object& node = *inventory.find("node", name);
        ResolvedNode resolved = inventory.resolve(node, WithSources::yes);
        if (call.form == Form::table) print_resolved(node, resolved, explain);
        Json json = inventory.description_of(node);
        if (explain == Explain::yes)
            cJSON_AddItemToObject(json.get(), "sources", description_of(resolved.sources).release());
        cJSON_AddItemToObject(json.get(), "resolved", resolved.fields.release());
        cJSON_AddItemToArray(all.get(), json.release());
    }
    if (call.form == Form::json) print(all);
    return {};
}

Outcome<> show_needs_restart(Call& call, const std::string& nodes, bool& is_needed) {
    Json json = TRY(ask_head(call.directories.socket, "/v1/needs-restart", nodes.empty() ? "all" : nodes));
    const cJSON* reasons = cJSON_GetObjectItemCaseSensitive(json.get(), "reasons");
    const cJSON* unknown = cJSON_GetObjectItemCaseSensitive(json.get(), "unknown");
    is_needed = cJSON_GetArraySize(reasons) > 0;
    if (call.form == Form::json) {
        print(json);
        return {};
    }
    for (const cJSON* item = reasons ? reasons->child : nullptr; item; item = item->next)
        print_line(text(item->valuestring, ": ", item->string));
    for (const cJSON* item = unknown ? unknown->child : nullptr; item; item = item->next)
        print_line(text("not known of ", item->valuestring, ": ", item->string));
    return {};
}

Outcome<> list_groups(Call& call) {
    Inventory inventory = TRY(load_inventory(call));
    std::map<std::string, Words> members;
    for (const std::string& node : inventory.names("node"))
        for (const std::string& group : inventory.groups_of(*inventory.find("node", node)))
            members[group].push_back(node);
    Json all(cJSON_CreateArray());
    if (call.form == Form::table) std::printf("%-20s %-20s %s\n", "GROUP", "GROUPS", "NODES");
    for (const std::string& name : inventory.names("group")) {
        const Object& group = *inventory.find("group", name);
        std::string nodes = fold_nodes(members[name]);
        Json json = inventory.description_of(group);
        add_text(json.get(), "nodes", nodes);
        cJSON_AddItemToArray(all.get(), json.release());
        if (call.form == Form::table)
            std::printf("%-20s %-20s %s\n", name.c_str(),
                        shown_list(texts_at(group.fields.get(), "groups")).c_str(),
                        nodes.empty() ? "-" : nodes.c_str());
    }
    if (call.form == Form::json) print(all);
    if (cJSON_GetArraySize(all.get()) == 0) hint(call, "there are no groups; mangrovectl group add compute");
    return {};
}

Outcome<> show_group(Call& call, const std::string& name) {
    Inventory inventory = TRY(load_inventory(call));
    const Object& group = *TRY(inventory.get("group", name));
    Json json = inventory.description_of(group);
    if (call.form == Form::json)
        print(json);
    else
        std::fputs(to_yaml(group.fields.get()).c_str(), stdout);
    return {};
}

Outcome<> export_files(Call& call, const std::filesystem::path& directory) {
    Inventory inventory = TRY(load_inventory(call));
    TRY(export_inventory(inventory, directory));
    call.progress.note(
        text("written: ", (directory / "groups.yaml").native(), ", ", (directory / "nodes.yaml").native()));
    Json json = make_json_object();
    add_text(json.get(), "directory", directory.native());
    if (call.form == Form::json) print(json);
    return {};
}

Outcome<> history(Call& call, const std::string& nodes) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    Json all(cJSON_CreateArray());
    if (call.form == Form::table) std::printf("%5s  %-20s  %-10s  %s\n", "EVENT", "TIME", "WHO", "COMMAND");
    for (const Event& event : TRY(events_of(*database, nodes))) {
        cJSON_AddItemToArray(all.get(), description_of(event).release());
        if (call.form == Form::json) continue;
        std::printf("%5s  %-20s  %-10s  %s\n", text(event.number).c_str(), event.time.c_str(),
                    event.author.who.c_str(), event.author.command.c_str());
        for (const std::string& line : event.diff)
            print_line("       " + line);
    }
    if (call.form == Form::json) print(all);
    return {};
}

Outcome<> back_up(Call& call, const std::filesystem::path& copy) {
    TRY(back_up_database(call.directories.database, copy));
    call.progress.note(text("written: ", copy.native()));
    Json json = make_json_object();
    add_text(json.get(), "backup", copy.native());
    if (call.form == Form::json) print(json);
    return {};
}

Outcome<> restore_backup(Call& call, const Writing& writing, const std::filesystem::path& copy) {
    TRY(ask(writing, "Replace all nodes, groups and their history by the backup?"));
    TRY(restore_database(copy, call.directories.database));
    call.progress.note(text("restored from ", copy.native()));
    Json json = make_json_object();
    add_text(json.get(), "restored", copy.native());
    if (call.form == Form::json) print(json);
    return {};
}

} // namespace mangrove::head
