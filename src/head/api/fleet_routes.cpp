#include "head/api/answering.h"
#include "head/api/fleet.h"
#include "head/api/routes.h"
#include "head/host/json.h"

namespace mangrove::head {

Result<Answer> get_fleet(ApiCall& call) {
    auto fleet = std::make_shared<Fleet>(call.database, call.daemon, query_value(call.asked.target, "by"));
    if (has_query(call.asked.target, "follow"))
        return Answer{.type = "text/event-stream", .follow = [fleet] { return fleet->next(); }};
    TRY(fleet->read());
    Json json = make_json_object();
    cJSON_AddItemToObject(json.get(), "nodes", fleet->nodes().release());
    cJSON_AddItemToObject(json.get(), "rollouts", fleet->rollouts().release());
    return json_answer(json);
}

} // namespace mangrove::head
