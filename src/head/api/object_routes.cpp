#include "head/api/answering.h"
#include "head/api/routes.h"
#include "head/host/json.h"
#include "head/nodes/declaration.h"
#include "head/operations/rollouts.h"

namespace mangrove::head {

namespace {

std::string noun_of(const ApiCall& call) {
    return call.asked.target.starts_with("/v1/nodes") ? "node" : "group";
}

std::string tag_of(uint64_t revision) {
    return text(revision);
}

/// How the running daemon serves a node.
Json served_json(const ServedNode& node) {
    Json json = make_json_object();
    const ServedBoot* boot = node.boot_of(node.release);
    add_text(json.get(), "image", boot ? boot->image : "");
    add_text(json.get(), "trust", std::string(name_of(node.trust)));
    add_texts(json.get(), "files", {node.files.begin(), node.files.end()});
    if (!node.release.empty()) add_text(json.get(), "release", node.release);
    if (boot && !boot->problem.empty()) add_text(json.get(), "problem", boot->problem);
    return json;
}

/// The records of all nodes that rollouts know, by their names.
Result<std::map<std::string, NodeState>> states_of_nodes(Database& database) {
    std::map<std::string, NodeState> states;
    for (NodeState& state : TRY(list_node_states(database)))
        states.emplace(state.node, std::move(state));
    return states;
}

Result<std::optional<NodeState>> state_of_node(Database& database, const std::string& name) {
    std::optional<Entry> entry = TRY(database.get(NodeState{.node = name}.key()));
    if (!entry) return std::optional<NodeState>();
    return TRY(node_state_from(*entry));
}

/// `state`: of a node, nullptr where it was in no rollout.
Json object_json(const ApiCall& call, const Inventory& inventory, const Object& object,
                 const NodeState* state) {
    Json json = inventory.description_of(object);
    if (state) cJSON_AddItemToObject(json.get(), "state", description_of(*state).release());
    std::shared_ptr<const BootTable> table = call.daemon.table();
    const ServedNode* served = object.noun == "node" ? table->by_name(object.name) : nullptr;
    if (served) cJSON_AddItemToObject(json.get(), "served", served_json(*served).release());
    return json;
}

/// Nothing where the request may go on.
std::optional<Answer> check_conditions(const ApiCall& call, const Object* before) {
    const Asked& asked = call.asked;
    bool is_new_wanted = asked.if_none_match == "*";
    if (is_new_wanted && before) return problem_answer(412, before->title() + ": already exists");
    if (!asked.if_match.empty() && !is_match(asked.if_match, before ? before->revision : 0))
        return problem_answer(412, text(noun_of(call), " ", call.names[0], ": has the revision ",
                                        before ? before->revision : 0, ", not ", asked.if_match,
                                        "; read it again"));
    if (before && asked.if_match.empty())
        return problem_answer(428,
                              text(before->title(), ": send If-Match with the revision that was read (\"",
                                   before->revision, "\"), or *"));
    return {};
}

using Edit = std::function<Result<std::optional<Object>>(const Object* before)>;

/// Edits the object of the path, where its revision is the one that the operator has read.
Result<Answer> edit_object(ApiCall& call, bool must_exist, const Edit& edit) {
    std::string key = noun_of(call) + "/" + call.names[0];
    std::optional<Answer> refused;
    ChangePlan plan = TRY(plan_changes(*call.database, [&](const Inventory& now) -> Result<Edits> {
        const Object* before = now.find(noun_of(call), call.names[0]);
        if (!before && must_exist)
            refused = problem_answer(404, describe(now.get(noun_of(call), call.names[0]).error()));
        else
            refused = check_conditions(call, before);
        Edits edits;
        if (!refused) edits.emplace(key, TRY(edit(before)));
        return edits;
    }));
    if (refused) return *std::move(refused);
    Answer answer = TRY(write_plan(call, std::move(plan)));
    if (std::optional<Entry> entry = TRY(call.database->get(key))) answer.tag = tag_of(entry->revision);
    return answer;
}

Object new_object(const ApiCall& call) {
    return {.noun = noun_of(call), .name = call.names[0]};
}

} // namespace

Result<Answer> list_objects(ApiCall& call) {
    Inventory inventory = TRY(Inventory::load(*call.database));
    std::string noun = noun_of(call);
    std::string wanted = query_value(call.asked.target, "select");
    std::vector<std::string> names = inventory.names(noun);
    if (noun == "node" && !wanted.empty()) names = TRY(inventory.select(wanted));
    std::map<std::string, NodeState> states;
    if (noun == "node") states = TRY(states_of_nodes(*call.database));
    return json_answer(list_of(names, [&](const std::string& name) {
        auto state = states.find(name);
        return object_json(call, inventory, *inventory.find(noun, name),
                           state == states.end() ? nullptr : &state->second);
    }));
}

Result<Answer> get_object(ApiCall& call) {
    Inventory inventory = TRY(Inventory::load(*call.database));
    Result<const Object*> object = inventory.get(noun_of(call), call.names[0]);
    if (!object) return problem_answer(404, describe(object.error()));
    std::optional<NodeState> state;
    if ((*object)->noun == "node") state = TRY(state_of_node(*call.database, (*object)->name));
    Json json = object_json(call, inventory, **object, state ? &*state : nullptr);
    if ((*object)->noun == "node") {
        ResolvedNode resolved = inventory.resolve(**object, WithSources::yes);
        cJSON_AddItemToObject(json.get(), "resolved", resolved.fields.release());
        cJSON_AddItemToObject(json.get(), "sources", description_of(resolved.sources).release());
    }
    Answer answer = json_answer(json);
    answer.tag = tag_of((*object)->revision);
    return answer;
}

Result<Answer> put_object(ApiCall& call) {
    return edit_object(call, false, [&](const Object*) -> Result<std::optional<Object>> {
        Object object = new_object(call);
        object.fields = TRY(object_in(call.asked));
        return object;
    });
}

Result<Answer> patch_object(ApiCall& call) {
    return edit_object(call, true, [&](const Object* before) -> Result<std::optional<Object>> {
        Object object = copy_of(*before);
        merge_patch(object.fields.get(), TRY(object_in(call.asked)).get());
        return object;
    });
}

Result<Answer> delete_object(ApiCall& call) {
    return edit_object(call, true,
                       [](const Object*) -> Result<std::optional<Object>> { return std::nullopt; });
}

Result<Answer> apply_declaration(ApiCall& call) {
    Json declaration = TRY(object_in(call.asked));
    Others others = has_query(call.asked.target, "prune") ? Others::are_deleted : Others::stay;
    return write_plan(call, TRY(plan_changes(*call.database, [&](const Inventory& now) {
                          return read_declaration(declaration, "the body", now, others);
                      })));
}

Result<Answer> undo_event(ApiCall& call) {
    std::optional<uint64_t> number = parse_number(call.names[0]);
    if (!number) return problem_answer(404, call.names[0] + ": expected the number of an event");
    ChangePlan plan = TRY(plan_changes(
        *call.database, [&](const Inventory& now) { return undo_event(*call.database, now, *number); }));
    plan.undoes = *number;
    return write_plan(call, std::move(plan));
}

} // namespace mangrove::head
