#include "head/api/fleet.h"

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "head/host/json.h"
#include "head/operations/rollouts.h"

namespace mangrove::head {

namespace {

std::string message(const char* event, const Json& data) {
    return text("event: ", event, "\ndata: ", print_json(data), "\n\n");
}

} // namespace

Result<> Fleet::read_inventory() {
    inventory_ = std::make_unique<Inventory>(TRY(Inventory::load(*database_)));
    places_.clear();
    for (const std::string& name : inventory_->names("node"))
        places_.emplace(name, place_of(*inventory_, name, by_));
    return {};
}

Result<bool> Fleet::has_inventory_changed() {
    if (!inventory_) return true;
    Result<std::vector<Change>> changes = database_->watch("", revision_, std::chrono::milliseconds(0));
    if (!changes && changes.error().code == ENODATA) return true;
    return std::ranges::any_of(TRY(std::move(changes)), [](const Change& change) {
        return change.key.starts_with("node/") || change.key.starts_with("group/");
    });
}

Result<> Fleet::read() {
    uint64_t revision = TRY(database_->revision());
    if (inventory_ && revision == revision_) return {};
    if (TRY(has_inventory_changed())) TRY(read_inventory());
    records_ = TRY(load_records(*database_));
    revision_ = revision;
    return {};
}

Json Fleet::node_json(const Object& object, Moment now) const {
    Json json = make_json_object();
    add_text(json.get(), "name", object.name);
    add_text(json.get(), "place", places_.at(object.name));
    const NodeState* node = records_.find(object.name);
    add_text(json.get(), "state", node ? std::string(name_of(node->state)) : "none");
    auto add = [&](const char* key, const std::string& value) {
        if (!value.empty()) add_text(json.get(), key, value);
    };
    if (node) {
        add("since", utc_time(node->since));
        int64_t left = seconds_left(records_, *node, now);
        if (left > 0) add("until", utc_time(now.wall + left));
        add("release", node->committed);
        add("target", node->target);
        add("rollout", node->rollout);
        add("running", node->running);
        add("reason", explanation_of(*node));
    }
    std::shared_ptr<const BootTable> table = daemon_.table();
    const ServedNode* served = table->by_name(object.name);
    const ServedBoot* boot = served ? served->boot_of(served->release) : nullptr;
    if (boot) add("problem", boot->problem);
    return json;
}

Json Fleet::nodes() const {
    Moment now = now_of(records_);
    std::map<std::string, BootFailure> failures = daemon_.reports->failures();
    Json all(cJSON_CreateArray());
    for (const std::string& name : inventory_->names("node")) {
        Json json = node_json(*inventory_->find("node", name), now);
        if (auto failure = failures.find(name); failure != failures.end()) {
            cJSON* failed = add_object(json.get(), "failure");
            add_text(failed, "received", failure->second.received);
            add_text(failed, "error", failure->second.error);
        }
        cJSON_AddItemToArray(all.get(), json.release());
    }
    return all;
}

/// The newest first: rollouts that go on, or the last one.
Json Fleet::rollouts() const {
    std::vector<const Rollout*> shown;
    for (const auto& [id, rollout] : records_.rollouts)
        shown.push_back(&rollout);
    std::ranges::sort(shown, std::greater(),
                      [](const Rollout* one) { return parse_number(one->id).value_or(0); });
    const Rollout* last = shown.empty() ? nullptr : shown.front();
    std::erase_if(shown, [&](const Rollout* one) { return one != last && has_ended(*one); });
    Json all(cJSON_CreateArray());
    for (const Rollout* one : shown)
        cJSON_AddItemToArray(all.get(), overview_of(records_, *one).release());
    return all;
}

std::string Fleet::next_nodes() {
    Json json = make_json_object();
    cJSON_AddBoolToObject(json.get(), "whole", !is_begun_);
    cJSON* changed = cJSON_AddArrayToObject(json.get(), "changed");
    std::map<std::string, std::string> now;
    Json all = nodes();
    while (cJSON* first = cJSON_GetArrayItem(all.get(), 0)) {
        Json node(cJSON_DetachItemViaPointer(all.get(), first));
        std::string name = text_at(node.get(), "name");
        std::string& written = now[name] = print_json(node);
        auto told = told_.find(name);
        if (told == told_.end() || told->second != written) cJSON_AddItemToArray(changed, node.release());
    }
    std::vector<std::string> removed;
    for (const auto& [name, written] : told_)
        if (!now.contains(name)) removed.push_back(name);
    add_texts(json.get(), "removed", removed);
    told_ = std::move(now);
    bool is_news = !is_begun_ || cJSON_GetArraySize(changed) > 0 || !removed.empty();
    return is_news ? message("nodes", json) : "";
}

Result<std::string> Fleet::next_events() {
    uint64_t revision = TRY(database_->revision());
    if (is_begun_ && revision == events_revision_) return std::string();
    constexpr size_t kMostAtFirst = 20;
    std::vector<Event> events = TRY(list_events(*database_));
    std::string written;
    for (size_t i = is_begun_ || events.size() < kMostAtFirst ? 0 : events.size() - kMostAtFirst;
         i < events.size(); ++i) {
        if (events[i].number <= last_event_) continue;
        written += message("event", description_of(events[i]));
        last_event_ = events[i].number;
    }
    events_revision_ = revision;
    return written;
}

std::string Fleet::next_status() {
    Json json = make_json_object();
    ServiceState state = daemon_.state();
    if (!state.problem.empty()) add_text(json.get(), "stale", state.problem);
    add_texts(json.get(), "problems", daemon_.table()->problems);
    std::string written = message("status", json);
    if (written == told_status_) return "";
    told_status_ = written;
    return written;
}

Result<std::string> Fleet::next() {
    TRY(read());
    std::string written = next_nodes();
    if (std::string now = message("rollouts", rollouts()); now != told_rollouts_) {
        written += now;
        told_rollouts_ = std::move(now);
    }
    written += next_status();
    written += TRY(next_events());
    is_begun_ = true;
    return written;
}

} // namespace mangrove::head
