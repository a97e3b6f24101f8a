#include "head/nodes/discovered.h"

#include <algorithm>
#include <set>

#include "head/host/json.h"

namespace mangrove::head {

namespace {

constexpr std::string_view kPrefix = "discovered/";

constexpr std::pair<const char*, std::string Discovered::*> kFields[] = {
    {"mac", &Discovered::mac},         {"address", &Discovered::address},
    {"uuid", &Discovered::uuid},       {"serial", &Discovered::serial},
    {"product", &Discovered::product}, {"manufacturer", &Discovered::manufacturer},
    {"first", &Discovered::first},     {"last", &Discovered::last},
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

std::set<std::string> macs_of_nodes(const Inventory& inventory) {
    std::set<std::string> macs;
    for (const auto& [key, object] : inventory.objects())
        if (object.noun == "node")
            for (std::string& mac : macs_of(object))
                macs.insert(std::move(mac));
    return macs;
}

} // namespace

Json to_json(const Discovered& machine) {
    Json json = make_json_object();
    for (const auto& [key, member] : kFields)
        add_text(json.get(), key, machine.*member);
    return json;
}

Result<std::vector<Discovered>> list_discovered(Database& database, const Inventory& inventory) {
    std::vector<Discovered> machines = TRY(list_all(database));
    std::set<std::string> macs = macs_of_nodes(inventory);
    std::erase_if(machines, [&](const Discovered& machine) { return macs.contains(machine.mac); });
    std::ranges::stable_sort(machines, {}, &Discovered::first);
    return machines;
}

Result<> note_discovered(Database& database, const Inventory& inventory, std::vector<Discovered> seen) {
    std::vector<Discovered> known = TRY(list_all(database));
    std::set<std::string> macs = macs_of_nodes(inventory);
    std::vector<Write> writes;
    size_t count = known.size();
    for (const Discovered& machine : known)
        if (macs.contains(machine.mac)) writes.push_back({machine.key(), std::nullopt});
    for (Discovered& machine : seen) {
        if (macs.contains(machine.mac)) continue;
        auto before = std::ranges::find(known, machine.mac, &Discovered::mac);
        if (before == known.end() && ++count > kMostDiscovered) continue;
        machine.first = before == known.end() ? machine.last : before->first;
        writes.push_back({machine.key(), print_json(to_json(machine))});
    }
    if (!writes.empty()) TRY(database.commit(writes));
    return {};
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

} // namespace mangrove::head
