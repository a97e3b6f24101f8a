#include "head/nodes/discovered.h"

#include <algorithm>
#include <fnmatch.h>
#include <iterator>
#include <set>

#include "head/host/json.h"
#include "head/nodes/node_set.h"

namespace mangrove::head {

namespace {

constexpr std::string_view kPrefix = "discovered/";

constexpr std::pair<const char*, std::string Discovered::*> kFields[] = {
    {"mac", &Discovered::mac},         {"address", &Discovered::address},
    {"uuid", &Discovered::uuid},       {"serial", &Discovered::serial},
    {"product", &Discovered::product}, {"manufacturer", &Discovered::manufacturer},
    {"first", &Discovered::first},     {"last", &Discovered::last},
    {"tpm", &Discovered::tpm},
};

Result<std::vector<Discovered>> list_all(Database& database) {
    std::vector<Discovered> machines;
    for (const Entry& entry : TRY(database.list(std::string(kPrefix)))) {
        Json json = TRY(parse_json(entry.value, entry.key));
        Discovered machine;
        for (const auto& [key, member] : kFields)
            machine.*member = text_at(json.get(), key);
        machines.push_back(std::move(machine));
    }
    return machines;
}

/// The nodes, by their MAC addresses.
std::map<std::string, const Object*> nodes_by_mac(const Inventory& inventory) {
    std::map<std::string, const Object*> nodes;
    for (const auto& [key, object] : inventory.objects())
        if (object.noun == "node")
            for (std::string& mac : macs_of(object))
                nodes.emplace(std::move(mac), &object);
    return nodes;
}

bool has_new_tpm(const Discovered& machine, const Object& node) {
    const cJSON* values = cJSON_GetObjectItemCaseSensitive(node.fields.get(), "values");
    return !machine.tpm.empty() && text_at(values, "tpm").empty();
}

bool matches(const Discovered& machine, const std::map<std::string, std::string>& patterns) {
    return std::ranges::all_of(kFields, [&](const auto& field) {
        auto pattern = patterns.find(field.first);
        return pattern == patterns.end()
               || ::fnmatch(pattern->second.c_str(), (machine.*field.second).c_str(), 0) == 0;
    });
}

std::vector<Discovered> take_matching(std::vector<Discovered>& machines,
                                      const std::map<std::string, std::string>& patterns) {
    auto others = std::ranges::stable_partition(
        machines, [&](const Discovered& machine) { return !matches(machine, patterns); });
    std::vector<Discovered> taken(std::make_move_iterator(others.begin()),
                                  std::make_move_iterator(others.end()));
    machines.erase(others.begin(), others.end());
    return taken;
}

} // namespace

Json to_json(const Discovered& machine) {
    Json json = make_json_object();
    for (const auto& [key, member] : kFields)
        if (member != &Discovered::tpm || !machine.tpm.empty()) add_text(json.get(), key, machine.*member);
    return json;
}

Result<std::vector<Discovered>> list_discovered(Database& database, const Inventory& inventory) {
    std::vector<Discovered> machines = TRY(list_all(database));
    std::map<std::string, const Object*> nodes = nodes_by_mac(inventory);
    std::erase_if(machines, [&](const Discovered& machine) { return nodes.contains(machine.mac); });
    std::ranges::stable_sort(machines, {}, &Discovered::first);
    return machines;
}

Result<> note_discovered(Database& database, const Inventory& inventory, std::vector<Discovered> seen) {
    std::vector<Discovered> known = TRY(list_all(database));
    std::map<std::string, const Object*> nodes = nodes_by_mac(inventory);
    auto is_of_no_use = [&](const Discovered& machine) {
        auto node = nodes.find(machine.mac);
        return node != nodes.end() && !has_new_tpm(machine, *node->second);
    };
    std::vector<Write> writes;
    size_t count = known.size();
    for (const Discovered& machine : known)
        if (is_of_no_use(machine)) writes.push_back({machine.key(), std::nullopt});
    for (Discovered& machine : seen) {
        if (is_of_no_use(machine)) continue;
        auto before = std::ranges::find(known, machine.mac, &Discovered::mac);
        if (before == known.end() && ++count > kMostDiscovered) continue;
        machine.first = before == known.end() ? machine.last : before->first;
        writes.push_back({machine.key(), print_json(to_json(machine))});
    }
    if (!writes.empty()) TRY(database.commit(writes));
    return {};
}

Result<std::map<std::string, Discovered>> list_new_tpms(Database& database, const Inventory& inventory) {
    std::map<std::string, const Object*> nodes = nodes_by_mac(inventory);
    std::map<std::string, Discovered> asked;
    for (Discovered& machine : TRY(list_all(database)))
        if (auto node = nodes.find(machine.mac); node != nodes.end() && has_new_tpm(machine, *node->second))
            asked.emplace(node->second->name, std::move(machine));
    return asked;
}

Result<> forget_discovered(Database& database, const std::vector<Discovered>& machines) {
    std::vector<Write> writes;
    for (const Discovered& machine : machines)
        writes.push_back({machine.key(), std::nullopt});
    if (!writes.empty()) TRY(database.commit(writes));
    return {};
}

Result<Edits> accept_discovered(const Inventory& now, const std::vector<Discovered>& machines,
                                const std::vector<std::string>& names, const cJSON* fields) {
    Edits edits;
    // Mainboards of some makers have all the same UUID: the MAC address is enough.
    std::set<std::string> uuids;
    for (const auto& [key, object] : now.objects())
        uuids.insert(text_at(object.fields.get(), "uuid"));
    auto name = names.begin();
    for (const Discovered& machine : machines) {
        while (name != names.end() && now.find("node", *name))
            ++name;
        if (name == names.end())
            return permanent_error("machine ", machine.mac,
                                   ": no name is left for it; give more names (--as n[001-100])");
        Object node{.noun = "node", .name = *name++, .fields = Json(cJSON_Duplicate(fields, true))};
        cJSON_DeleteItemFromObjectCaseSensitive(node.fields.get(), "macs");
        add_texts(node.fields.get(), "macs", {machine.mac});
        if (!machine.uuid.empty() && uuids.insert(machine.uuid).second) {
            cJSON_DeleteItemFromObjectCaseSensitive(node.fields.get(), "uuid");
            add_text(node.fields.get(), "uuid", machine.uuid);
        }
        std::string key = node.key();
        edits.emplace(std::move(key), std::move(node));
    }
    return edits;
}

Result<AcceptRule> read_accept_rule(const cJSON* json) {
    if (!cJSON_IsObject(json)) return permanent_error("expected names, match and fields");
    AcceptRule rule;
    rule.names = text_at(json, "names");
    const cJSON* item = nullptr;
    cJSON_ArrayForEach(item, json) {
        std::string key = item->string;
        if (key != "names" && key != "match" && key != "fields")
            return permanent_error("unknown key '", key, "'",
                                   did_you_mean(key, {"names", "match", "fields"}));
    }
    TRY(expand_nodes(rule.names, {}), "reading names");
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(json, "match")) {
        std::vector<std::string> known;
        for (const auto& [name, member] : kFields)
            known.emplace_back(name);
        if (std::ranges::find(known, item->string) == known.end() || !cJSON_IsString(item))
            return permanent_error("match: expected a pattern for one of ", join(known, ", "), ", got '",
                                   item->string, "'", did_you_mean(item->string, known));
        rule.match[item->string] = item->valuestring;
    }
    Object node{.noun = "node", .name = "n1"};
    if (const cJSON* fields = cJSON_GetObjectItemCaseSensitive(json, "fields"))
        node.fields = Json(cJSON_Duplicate(fields, true));
    TRY(check_object(node), "reading fields");
    rule.fields = print_json(node.fields);
    return rule;
}

Result<> accept_by_rules(Database& database, const std::vector<AcceptRule>& rules) {
    if (rules.empty()) return {};
    Result<> complete;
    ChangePlan plan = TRY(plan_changes(database, [&](const Inventory& now) -> Result<Edits> {
        std::vector<Discovered> waiting = TRY(list_discovered(database, now));
        Edits edits;
        for (const AcceptRule& rule : rules) {
            std::vector<std::string> names = TRY(expand_nodes(rule.names, {}));
            std::erase_if(names, [&](const std::string& name) { return edits.contains("node/" + name); });
            std::vector<Discovered> accepted = take_matching(waiting, rule.match);
            Json fields = TRY(parse_json(rule.fields, "fields"));
            // A machine that gets a name does not wait for the others.
            for (const Discovered& machine : accepted) {
                Result<Edits> one = accept_discovered(now, {machine}, names, fields.get());
                if (!one) {
                    complete = std::unexpected(one.error());
                    break;
                }
                std::erase_if(names, [&](const std::string& name) { return one->contains("node/" + name); });
                edits.merge(*one);
            }
        }
        return edits;
    }));
    if (!plan.edits.empty()) TRY(commit_plan(database, std::move(plan), {"mangrove-head", "accept"}));
    return complete;
}

} // namespace mangrove::head
