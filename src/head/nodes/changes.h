#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "head/nodes/inventory.h"

/// Writes of nodes and groups. Each is one transaction and leaves an event, which can be undone.
namespace mangrove::head {

/// The new state of objects, by their keys; nothing: they are deleted.
using Edits = std::map<std::string, std::optional<Object>>;

/// Edits that were checked, and what they change.
struct ChangePlan {
    Inventory before;
    Edits edits;                   ///< without those that change nothing
    std::vector<std::string> diff; ///< a line for all nodes with the same change: "node n[1-3]: …"
    uint64_t counter_revision = 0; ///< of the last event's number, when `before` was read
    uint64_t last_event = 0;
    uint64_t undoes = 0; ///< the event that the plan takes back; 0: none
};

/// The user who writes, and the command.
struct Author {
    std::string who;
    std::string command;
};

/// The present time as events have it: "2026-11-29T21:35:00Z".
std::string utc_now();

struct Event {
    uint64_t number = 0;
    std::string time = {}; ///< "2026-11-29T21:35:00Z"
    Author author = {};
    std::string nodes = {}; ///< folded
    std::vector<std::string> groups = {};
    std::vector<std::string> diff = {};
};

/// Returns what commands and the API show of an event.
Json description_of(const Event& event);

/// Reads the database and checks the edits that `edit` makes of it: each object, references, what is unique,
/// and that nothing in use is deleted.
template <typename Edit>
Result<ChangePlan> plan_changes(Database& database, const Edit& edit);

struct Renaming {
    Edits edits;
    std::vector<std::string> joined; ///< groups that match the new name and not the old one
};

/// Returns the edits that give a node another name. An error where it would leave a group whose match has its
/// name.
Result<Renaming> rename_node(const Inventory& now, const std::string& node, const std::string& name);

/// Checks edits of an inventory.
Result<ChangePlan> check_edits(Inventory before, Edits edits);

/// Returns further writes for the transaction of a plan: of records that name its nodes.
using Followers = std::function<Result<std::vector<Write>>(Database& database, const ChangePlan& plan)>;

/// Writes a plan and its event in one transaction, and returns the event's number. Edits by others of other
/// objects meanwhile are no obstacle, unless both together are wrong; of the same objects they are an error.
Result<uint64_t> commit_plan(Database& database, ChangePlan plan, const Author& author,
                             const Followers& followers = {});

/// Returns the writes of an event that cannot be undone, for the transaction that writes other records than
/// nodes and groups. That fails with ESTALE where another event was written meanwhile.
Result<std::vector<Write>> writes_of_event(Database& database, const Author& author,
                                           const std::vector<std::string>& nodes,
                                           const std::vector<std::string>& diff);

/// Returns all events, the newest last.
Result<std::vector<Event>> list_events(Database& database);

/// Returns the edits that take an event back. An error names what was changed again since.
Result<Edits> undo_event(Database& database, const Inventory& now, uint64_t number);

template <typename Edit>
Result<ChangePlan> plan_changes(Database& database, const Edit& edit) {
    // The counter first: whoever writes in between raises it.
    std::optional<Entry> counter = TRY(database.get("inventory"));
    Inventory before = TRY(Inventory::load(database));
    Edits edits = TRY(edit(before));
    ChangePlan plan = TRY(check_edits(std::move(before), std::move(edits)));
    plan.counter_revision = counter ? counter->revision : 0;
    plan.last_event = counter ? parse_number(counter->value).value_or(0) : 0;
    return plan;
}

} // namespace mangrove::head
