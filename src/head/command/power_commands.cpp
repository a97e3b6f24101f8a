#include "head/command/power_commands.h"

#include <ctime>

#include "head/nodes/node_set.h"
#include "head/rollout/operate.h"

namespace mangrove::head {

namespace {

using Words = std::vector<std::string>;

std::string shown_order(PowerOrder order) {
    if (order == PowerOrder::on) return "switch on";
    return order == PowerOrder::off ? "switch off" : "power-cycle";
}

Result<> ask_for(const Writing& writing, PowerOrder order, const Words& nodes) {
    std::string question = text(shown_order(order), " ", nodes.size(),
                                nodes.size() == 1 ? " node: " : " nodes: ", fold_nodes(nodes), "?");
    question[0] = static_cast<char>(question[0] - 'a' + 'A');
    return ask(writing, question.c_str());
}

/// The last problem is the error.
Outcome<> show(Call& call, const std::vector<PowerAnswer>& answers) {
    Json all(cJSON_CreateArray());
    for (const PowerAnswer& answer : answers)
        cJSON_AddItemToArray(all.get(), description_of(answer).release());
    if (call.form == Form::json) print(all);
    std::string problem;
    for (const FoldedAnswer& one : fold(answers)) {
        if (!one.is_problem && call.form == Form::table) print_line(one.line);
        if (!one.is_problem) continue;
        if (!problem.empty()) call.progress.error(problem);
        problem = one.line;
    }
    if (problem.empty()) return {};
    return permanent_error(problem);
}

} // namespace

Outcome<> power(Call& call, const Writing& writing, PowerOrder order, const std::string& nodes) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    Inventory inventory = TRY(Inventory::load(*database));
    Words names = TRY(inventory.select(nodes));
    if (order != PowerOrder::status) TRY(ask_for(writing, order, names));
    std::vector<PowerAnswer> answers = order_power(*database, inventory, names, order);
    if (order == PowerOrder::off) TRY(record_off(*database, nodes_that_are_off(answers), std::time(nullptr)));
    return show(call, answers);
}

} // namespace mangrove::head
