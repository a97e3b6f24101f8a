#include <ctime>
#include <mutex>

#include "head/api/answering.h"
#include "head/api/routes.h"
#include "head/power/power.h"
#include "head/rollout/operate.h"

namespace mangrove::head {

namespace {

/// A BMC may take two minutes, and few threads answer operators: one of them waits for BMCs.
Result<Answer> give_order(ApiCall& call, PowerOrder order) {
    static std::mutex mutex;
    std::unique_lock lock(mutex, std::try_to_lock);
    if (!lock) return problem_answer(503, "the BMC of another node is asked right now; try again");
    Inventory inventory = TRY(Inventory::load(*call.database));
    Result<const Object*> node = inventory.get("node", call.names[0]);
    if (!node) return problem_answer(404, describe(node.error()));
    PowerAnswer answer = order_power(*call.database, inventory, call.names[0], order);
    if (order == PowerOrder::off)
        TRY(record_off(*call.database, nodes_that_are_off({answer}), std::time(nullptr)));
    // The BMC's fault, or the fault of what the database has of it.
    unsigned status = answer.address.empty() ? 400 : 502;
    if (!answer.power) return problem_answer(status, text("node ", answer.node, ": ", problem_of(answer)));
    return json_answer(description_of(answer));
}

} // namespace

Result<Answer> get_power(ApiCall& call) {
    return give_order(call, PowerOrder::status);
}

Result<Answer> set_power(ApiCall& call) {
    Json body = TRY(object_in(call.asked));
    return give_order(call, TRY(power_order_from(text_at(body.get(), "power"))));
}

} // namespace mangrove::head
