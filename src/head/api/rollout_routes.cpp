#include <algorithm>

#include "head/api/answering.h"
#include "head/api/routes.h"
#include "head/host/json.h"
#include "head/operations/rollouts.h"

namespace mangrove::head {

namespace {

bool is_dry_run(const ApiCall& call) {
    return has_query(call.asked.target, "dry-run");
}

Answer written(const std::vector<std::string>& lines, const std::string& id = {}) {
    Json json = make_json_object();
    if (!id.empty()) add_text(json.get(), "id", id);
    add_texts(json.get(), "diff", lines);
    return json_answer(json);
}

template <typename Order>
struct NamedOrder {
    std::string_view name;
    Order order;
};

constexpr NamedOrder<RolloutOrder> kRolloutOrders[] = {
    {"pause", RolloutOrder::pause}, {"resume", RolloutOrder::resume}, {"approve", RolloutOrder::approve},
    {"abort", RolloutOrder::abort}, {"revert", RolloutOrder::revert},
};
constexpr NamedOrder<NodesOrder> kNodesOrders[] = {
    {"hold", NodesOrder::hold}, {"unhold", NodesOrder::unhold}, {"retry", NodesOrder::retry}};

Result<Answer> carry_out(ApiCall& call, const DecideOrder& order) {
    return written(
        TRY(carry_out(*call.database, call.author(), order,
                      [&](const std::vector<std::string>&) -> Result<bool> { return !is_dry_run(call); })));
}

std::string last_segment(const Asked& asked) {
    std::string path = asked.target.substr(0, asked.target.find('?'));
    return path.substr(path.rfind('/') + 1);
}

} // namespace

Result<Answer> list_rollouts(ApiCall& call) {
    Records records = TRY(load_records(*call.database));
    std::vector<const Rollout*> rollouts;
    for (const auto& [id, rollout] : records.rollouts)
        rollouts.push_back(&rollout);
    std::ranges::sort(rollouts, {}, [](const Rollout* one) { return parse_number(one->id).value_or(0); });
    return json_answer(
        list_of(rollouts, [&](const Rollout* rollout) { return summary_of(records, *rollout); }));
}

Result<Answer> get_rollout(ApiCall& call) {
    Records records = TRY(load_records(*call.database));
    Result<const Rollout*> rollout = find_rollout(records, call.names[0]);
    if (!rollout) return not_found(rollout.error());
    Answer answer = json_answer(description_of(records, **rollout));
    answer.tag = text((*rollout)->read_at);
    return answer;
}

Result<Answer> start_rollout(ApiCall& call) {
    Json body = TRY(object_in(call.asked));
    RolloutOptions options = TRY(rollout_options_from(body.get()), "reading the body");
    RolloutPlan plan = TRY(plan_rollout(*call.database, call.directories, options, call.who.name));
    if (is_dry_run(call)) return written(plan.lines);
    TRY(begin_rollout(*call.database, plan, call.author()));
    return written(plan.lines, plan.rollout().id);
}

Result<Answer> order_rollout(ApiCall& call) {
    const auto* named = std::ranges::find(kRolloutOrders, call.names[1], &NamedOrder<RolloutOrder>::name);
    if (named == std::end(kRolloutOrders))
        return problem_answer(404, call.names[1]
                                       + ": unknown order; expected pause, resume, approve, abort or revert");
    Records records = TRY(load_records(*call.database));
    Result<const Rollout*> rollout = find_rollout(records, call.names[0]);
    if (!rollout) return not_found(rollout.error());
    if (!call.asked.if_match.empty() && !is_match(call.asked.if_match, (*rollout)->read_at))
        return problem_answer(412, text("rollout ", call.names[0], ": has the revision ", (*rollout)->read_at,
                                        "; read it again"));
    return carry_out(call, order_of(named->order, call.names[0]));
}

Result<Answer> order_nodes(ApiCall& call) {
    const auto* named =
        std::ranges::find(kNodesOrders, last_segment(call.asked), &NamedOrder<NodesOrder>::name);
    return carry_out(call, order_of(named->order, call.names[0]));
}

} // namespace mangrove::head
