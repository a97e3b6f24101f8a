#include "head/command/discover_commands.h"

#include <algorithm>
#include <cstdio>

#include "head/nodes/discovered.h"
#include "head/nodes/field_edit.h"
#include "head/nodes/node_set.h"

namespace mangrove::head {

namespace {

Result<std::vector<Discovered>> find_machines(const std::vector<Discovered>& all,
                                              const std::vector<std::string>& written) {
    if (written == std::vector<std::string>{"all"}) return all;
    std::vector<Discovered> found;
    for (const std::string& word : written) {
        std::string mac = TRY(normalize_mac(word));
        auto machine = std::ranges::find(all, mac, &Discovered::mac);
        if (machine == all.end())
            return permanent_error("machine ", mac, ": it has not asked to boot; mangrovectl discover list");
        found.push_back(*machine);
    }
    return found;
}

} // namespace

Outcome<> list_discovered(Call& call) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    std::vector<Discovered> all = TRY(list_discovered(*database, TRY(Inventory::load(*database))));
    Json array(cJSON_CreateArray());
    if (call.form == Form::table)
        std::printf("%-18s %-16s %-20s %-16s %s\n", "MAC", "ADDRESS", "LAST SEEN", "SERIAL", "MACHINE");
    for (const Discovered& one : all) {
        if (call.form == Form::table)
            std::printf("%-18s %-16s %-20s %-16s %s %s\n", one.mac.c_str(), one.address.c_str(),
                        one.last.c_str(), one.serial.empty() ? "-" : one.serial.c_str(),
                        one.manufacturer.c_str(), one.product.c_str());
        cJSON_AddItemToArray(array.get(), to_json(one).release());
    }
    if (call.form == Form::json) print(array);
    if (all.empty()) hint(call, "every machine that asked to boot is a node");
    return {};
}

Outcome<> accept_discovered(Call& call, const Writing& writing, const std::vector<std::string>& machines,
                            const std::string& names, const std::vector<std::string>& assignments) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    std::vector<std::string> free = TRY(expand_nodes(names, {}));
    Object fields{.noun = "node", .name = "new"};
    for (const std::string& assignment : assignments)
        TRY(set_field(fields, assignment));
    return change(call, writing, [&](const Inventory& before) -> Result<Edits> {
        std::vector<Discovered> wanted =
            TRY(find_machines(TRY(list_discovered(*database, before)), machines));
        return accept_discovered(before, wanted, free, fields.fields.get());
    });
}

Outcome<> enroll_tpms(Call& call, const Writing& writing, const std::string& nodes) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    return change(call, writing, [&](const Inventory& before) -> Result<Edits> {
        std::map<std::string, Discovered> waiting = TRY(list_new_tpms(*database, before));
        Edits edits;
        for (const std::string& name : TRY(before.select(nodes))) {
            auto machine = waiting.find(name);
            const Object* node = before.find("node", name);
            if (machine == waiting.end() || !node) continue;
            Object enrolled = copy_of(*node);
            TRY(set_field(enrolled, text("values.tpm=\"", machine->second.tpm, "\"")));
            edits.emplace(enrolled.key(), std::move(enrolled));
        }
        if (edits.empty())
            return permanent_error(nodes,
                                   ": no TPM waits; a node asks with its TPM when it boots, and one that has "
                                   "values.tpm keeps that until it is unset");
        return edits;
    });
}

Outcome<> forget_discovered(Call& call, const std::vector<std::string>& machines) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    std::vector<Discovered> all = TRY(list_discovered(*database, TRY(Inventory::load(*database))));
    TRY(forget_discovered(*database, TRY(find_machines(all, machines))));
    return {};
}

} // namespace mangrove::head
