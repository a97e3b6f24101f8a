#include "head/nodes/changes.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <set>

#include "base/utc_time.h"
#include "head/host/json.h"
#include "head/nodes/node_set.h"

namespace mangrove::head {

namespace {

using Words = std::vector<std::string>;
using Leaves = std::map<std::string, std::string>;

constexpr int kAttempts = 50;      ///< when others write at the same time
constexpr size_t kDigits = 10;     ///< of an event's number, so that keys sort by it
constexpr size_t kMaxVariants = 8; ///< of one field, each on its line of a diff

bool are_equal(const cJSON* left, const cJSON* right) {
    return (!left && !right) || (left && right && cJSON_Compare(left, right, true));
}

/// Lists are compared as a whole.
void collect_leaves(const cJSON* json, const std::string& path, Leaves& leaves) {
    if (!cJSON_IsObject(json) || !json->child) {
        if (!path.empty()) leaves[path] = one_line(json);
        return;
    }
    for (const cJSON* item = json->child; item; item = item->next)
        collect_leaves(item, join_path(path, item->string), leaves);
}

Leaves leaves_of(const Object* object) {
    Leaves leaves;
    if (object) collect_leaves(object->fields.get(), "", leaves);
    return leaves;
}

/// Changes of one noun: which objects have each change of each field.
class Diff {
  public:
    void add(const Object* before, const Object* after) {
        const Object& any = before ? *before : *after;
        if (!before) note(any, "", "added");
        if (!after) return note(any, "", "removed");
        Leaves old = leaves_of(before);
        Leaves now = leaves_of(after);
        for (const auto& [path, value] : now) {
            auto was = old.find(path);
            if (was == old.end())
                note(any, path, value);
            else if (was->second != value)
                note(any, path, was->second + " -> " + value);
        }
        for (const auto& [path, value] : old)
            if (!now.contains(path)) note(any, path, value + " -> nothing");
    }

    Words lines() const {
        Words lines;
        for (const auto& [field, variants] : fields_) {
            const auto& [noun, path] = field;
            if (variants.size() > kMaxVariants)
                lines.push_back(
                    line(noun, all_names(variants), path, text(variants.size(), " different changes")));
            else
                for (const auto& [change, names] : variants)
                    lines.push_back(line(noun, names, path, change));
        }
        return lines;
    }

  private:
    using Variants = std::map<std::string, Words>;

    void note(const Object& object, const std::string& path, const std::string& change) {
        fields_[{object.noun, path}][change].push_back(object.name);
    }

    static Words all_names(const Variants& variants) {
        Words all;
        for (const auto& [change, names] : variants)
            all.insert(all.end(), names.begin(), names.end());
        return all;
    }

    static std::string line(const std::string& noun, const Words& names, const std::string& path,
                            const std::string& change) {
        std::string folded = noun == "node" ? fold_nodes(names) : join(names, ",");
        return text(noun, " ", folded, ": ", path, path.empty() ? "" : ": ", change);
    }

    std::map<std::pair<std::string, std::string>, Variants> fields_;
};

const Object* object_at(const Objects& objects, const std::string& key) {
    auto found = objects.find(key);
    return found == objects.end() ? nullptr : &found->second;
}

/// Whether a match names "@group".
bool matches_group(const std::string& match, const std::string& group) {
    for (size_t at = match.find("@" + group); at != std::string::npos; at = match.find("@" + group, at + 1)) {
        size_t end = at + 1 + group.size();
        if (end == match.size() || std::string_view(",!&^ ").find(match[end]) != std::string::npos)
            return true;
    }
    return false;
}

/// Returns the users of a group, for an error.
std::string users_of(const Objects& after, const std::string& group) {
    Words nodes;
    Words groups;
    for (const auto& [key, object] : after) {
        Words references = texts_at(object.fields.get(), "groups");
        bool uses = std::ranges::find(references, group) != references.end()
                    || std::ranges::find(references, "~" + group) != references.end()
                    || matches_group(text_at(object.fields.get(), "match"), group);
        if (uses) (object.noun == "node" ? nodes : groups).push_back(object.name);
    }
    Words users;
    if (!nodes.empty()) users.push_back(text("node ", fold_nodes(nodes)));
    if (!groups.empty()) users.push_back("group " + join(groups, ","));
    return join(users, " and ");
}

Result<> check_deleted(const Objects& after, const Edits& edits) {
    for (const auto& [key, object] : edits) {
        if (object || !key.starts_with("group/")) continue;
        std::string group = key.substr(key.find('/') + 1);
        std::string users = users_of(after, group);
        if (!users.empty())
            return permanent_error("group ", group, ": in use by ", users,
                                   "; remove it from their groups first");
    }
    return {};
}

Result<Edits> drop_unchanged(const Objects& before, Edits edits) {
    Edits changed;
    for (auto& [key, object] : edits) {
        if (object) TRY(check_object(*object));
        const Object* old = object_at(before, key);
        if (are_equal(old ? old->fields.get() : nullptr, object ? object->fields.get() : nullptr)) continue;
        if (object) object->revision = old ? old->revision : 0;
        changed.emplace(key, std::move(object));
    }
    return changed;
}

Objects apply_edits(const Objects& before, const Edits& edits) {
    Objects after;
    for (const auto& [key, object] : before)
        if (!edits.contains(key)) after.emplace(key, copy_of(object));
    for (const auto& [key, object] : edits)
        if (object) after.emplace(key, copy_of(*object));
    return after;
}

/// An interface that has an address.
struct Holder {
    const Object* node;
    std::string interface;

    std::string title() const { return text(node->title(), " (interfaces.", interface, ")"); }
};

std::string without_prefix(const std::string& address) {
    return address.substr(0, address.find('/'));
}

/// Whether machines on other links can have the same address.
bool is_of_one_link(const std::string& address) {
    return address == "::1" || address.starts_with("fe80:") || address.starts_with("127.")
           || address.starts_with("169.254.");
}

std::map<std::string, std::vector<Holder>> holders_of_addresses(const Objects& objects) {
    std::map<std::string, std::vector<Holder>> holders;
    for (const auto& [key, object] : objects) {
        if (object.noun != "node") continue;
        const cJSON* interface = nullptr;
        cJSON_ArrayForEach(interface, cJSON_GetObjectItemCaseSensitive(object.fields.get(), "interfaces")) {
            for (const char* field : {"address", "address6"}) {
                std::string address = without_prefix(text_at(interface, field));
                if (!address.empty() && !is_of_one_link(address))
                    holders[address].push_back({&object, interface->string});
            }
        }
    }
    return holders;
}

/// Returns what the interface has after the groups are merged; an empty text where there is none.
std::string vlan_of(const Inventory& inventory, const Holder& holder) {
    ResolvedNode resolved = inventory.resolve(*holder.node);
    const cJSON* interfaces = cJSON_GetObjectItemCaseSensitive(resolved.fields.get(), "interfaces");
    const cJSON* interface = cJSON_GetObjectItemCaseSensitive(interfaces, holder.interface.c_str());
    const cJSON* vlan = cJSON_GetObjectItemCaseSensitive(interface, "vlan");
    return vlan ? one_line(vlan) : "";
}

/// Checks that no two nodes have the same address in the same VLAN.
Result<> check_addresses(const Inventory& inventory) {
    for (const auto& [address, all] : holders_of_addresses(inventory.objects())) {
        if (all.size() < 2) continue;
        std::map<std::string, const Holder*> known; // by the VLAN
        for (const Holder& holder : all) {
            auto [other, is_new] = known.try_emplace(vlan_of(inventory, holder), &holder);
            if (!is_new && other->second->node != holder.node)
                return permanent_error(other->second->title(), " and ", holder.title(),
                                       ": both have the address ", address,
                                       "; change one, or the vlan of one if the networks are separate");
        }
    }
    return {};
}

std::string event_key(const char* kind, uint64_t number) {
    std::string digits = text(number);
    return text(kind, "/", std::string(kDigits - std::min(kDigits, digits.size()), '0'), digits);
}

Event event_of(const ChangePlan& plan, const Author& author) {
    Words nodes;
    Words groups;
    for (const auto& [key, object] : plan.edits) {
        size_t slash = key.find('/');
        (key.starts_with("node/") ? nodes : groups).push_back(key.substr(slash + 1));
    }
    return {.number = plan.last_event + 1,
            .time = utc_now(),
            .author = author,
            .nodes = fold_nodes(nodes),
            .groups = groups,
            .diff = plan.diff};
}

void add_fields_or_null(cJSON* json, const char* name, const Object* object) {
    cJSON_AddItemToObject(json, name,
                          object ? cJSON_Duplicate(object->fields.get(), true) : cJSON_CreateNull());
}

/// The record for undo: all objects that changed, before and after.
Json images_of(const ChangePlan& plan) {
    Json images = make_json_object();
    for (const auto& [key, object] : plan.edits) {
        cJSON* one = add_object(images.get(), key.c_str());
        add_fields_or_null(one, "before", object_at(plan.before.objects(), key));
        add_fields_or_null(one, "after", object ? &*object : nullptr);
    }
    return images;
}

std::vector<Write> writes_of(const ChangePlan& plan, const Author& author) {
    uint64_t number = plan.last_event + 1;
    std::vector<Write> writes = {
        {"inventory", text(number), plan.counter_revision},
        {event_key("event", number), print_json(description_of(event_of(plan, author))), 0},
        {event_key("images", number), print_json(images_of(plan)), 0},
    };
    for (const auto& [key, object] : plan.edits) {
        const Object* old = object_at(plan.before.objects(), key);
        std::optional<std::string> value;
        if (object) value = print_json(object->fields);
        writes.push_back({key, std::move(value), old ? old->revision : 0});
    }
    return writes;
}

Event read_event(const Entry& entry) {
    Event event{.number = parse_number(entry.key.substr(entry.key.find('/') + 1)).value_or(0)};
    Json json(cJSON_Parse(entry.value.c_str()));
    event.time = text_at(json.get(), "time");
    event.author = {.who = text_at(json.get(), "who"), .command = text_at(json.get(), "command")};
    event.nodes = text_at(json.get(), "nodes");
    event.groups = texts_at(json.get(), "groups");
    event.diff = texts_at(json.get(), "diff");
    return event;
}

/// Says who changed an object after it was read.
std::unexpected<Error> changed_meanwhile(Database& database, const std::string& key) {
    std::string title = key;
    title.replace(key.find('/'), 1, " ");
    std::string by = "by somebody else";
    std::string name = key.substr(key.find('/') + 1);
    for (const Event& event : TRY(list_events(database))) {
        Result<Words> nodes = expand_nodes(event.nodes.empty() ? "-" : event.nodes, {});
        bool is_its = key.starts_with("node/") ? nodes && std::ranges::find(*nodes, name) != nodes->end()
                                               : std::ranges::find(event.groups, name) != event.groups.end();
        if (is_its) by = text("by ", event.author.who, " (event ", event.number, ")");
    }
    Error error{.what =
                    text(title, ": changed meanwhile ", by, "; nothing was written; run the command again"),
                .permanence = Permanence::permanent,
                .code = ESTALE};
    return std::unexpected(std::move(error));
}

Result<> check_unchanged(Database& database, const Objects& read, const Objects& now, const Edits& edits) {
    for (const auto& [key, object] : edits) {
        const Object* before = object_at(read, key);
        const Object* current = object_at(now, key);
        if ((before ? before->revision : 0) != (current ? current->revision : 0))
            return changed_meanwhile(database, key);
    }
    return {};
}

std::unexpected<Error> changed_since(const std::string& title, const std::string& path, uint64_t number) {
    return permanent_error(title, ": ", path, path.empty() ? "" : " ", "changed after event ", number,
                           "; see mangrovectl history and undo the later event first");
}

/// Takes the change from `before` to `after` back in `now`, field by field.
Result<> revert(cJSON* now, const cJSON* before, const cJSON* after, const std::string& title,
                const std::string& path, uint64_t number) {
    std::set<std::string> keys;
    for (const cJSON* side : {before, after})
        for (const cJSON* item = side->child; item; item = item->next)
            keys.insert(item->string);
    for (const std::string& key : keys) {
        const cJSON* old = cJSON_GetObjectItemCaseSensitive(before, key.c_str());
        const cJSON* made = cJSON_GetObjectItemCaseSensitive(after, key.c_str());
        cJSON* current = cJSON_GetObjectItemCaseSensitive(now, key.c_str());
        if (are_equal(old, made)) continue;
        std::string at = join_path(path, key);
        if (cJSON_IsObject(old) && cJSON_IsObject(made) && cJSON_IsObject(current)) {
            TRY(revert(current, old, made, title, at, number));
            continue;
        }
        if (!are_equal(current, made)) return changed_since(title, at, number);
        cJSON_DeleteItemFromObjectCaseSensitive(now, key.c_str());
        if (old) cJSON_AddItemToObject(now, key.c_str(), cJSON_Duplicate(old, true));
    }
    return {};
}

Result<std::optional<Object>> undo_object(const std::string& key, const cJSON* images, const Object* current,
                                          uint64_t number) {
    size_t slash = key.find('/');
    Object undone{.noun = key.substr(0, slash), .name = key.substr(slash + 1)};
    const cJSON* before = cJSON_GetObjectItemCaseSensitive(images, "before");
    const cJSON* after = cJSON_GetObjectItemCaseSensitive(images, "after");
    if (cJSON_IsObject(before) && cJSON_IsObject(after) && current) {
        undone.fields = Json(cJSON_Duplicate(current->fields.get(), true));
        TRY(revert(undone.fields.get(), before, after, undone.title(), "", number));
        return undone;
    }
    bool is_as_left = current ? are_equal(current->fields.get(), after) : cJSON_IsNull(after);
    if (!is_as_left) return changed_since(undone.title(), "", number);
    if (cJSON_IsNull(before)) return std::optional<Object>();
    undone.fields = Json(cJSON_Duplicate(before, true));
    return undone;
}

} // namespace

std::string utc_now() {
    return utc_text(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
}

Result<Renaming> rename_node(const Inventory& now, const std::string& node, const std::string& name) {
    const Object* before = TRY(now.get("node", node));
    if (now.find("node", name)) return permanent_error("node ", name, ": already exists");
    TRY(check_name("node", name));
    Object renamed = copy_of(*before);
    renamed.name = name;
    Renaming renaming;
    renaming.edits.emplace("node/" + node, std::nullopt);
    renaming.edits.emplace(renamed.key(), copy_of(renamed));
    Inventory after = TRY(Inventory::from(apply_edits(now.objects(), renaming.edits)));
    Words old_groups = now.groups_of(*before);
    Words new_groups = after.groups_of(*after.find("node", name));
    for (const std::string& group : old_groups) {
        std::string match = text_at(now.find("group", group)->fields.get(), "match");
        if (!match.empty() && std::ranges::find(new_groups, group) == new_groups.end())
            return permanent_error("node ", node, ": the match of group ", group, " (", match, ") has it as ",
                                   node, " and not as ", name, "; change that match first");
    }
    for (const std::string& group : new_groups)
        if (std::ranges::find(old_groups, group) == old_groups.end()) renaming.joined.push_back(group);
    return renaming;
}

Result<ChangePlan> check_edits(Inventory before, Edits edits) {
    edits = TRY(drop_unchanged(before.objects(), std::move(edits)));
    Objects after = apply_edits(before.objects(), edits);
    TRY(check_deleted(after, edits));
    TRY(check_objects(after));
    Diff diff;
    for (const auto& [key, object] : edits)
        diff.add(object_at(before.objects(), key), object ? &*object : nullptr);
    TRY(check_addresses(TRY(Inventory::from(std::move(after)))));
    return ChangePlan{.before = std::move(before), .edits = std::move(edits), .diff = diff.lines()};
}

Result<uint64_t> commit_plan(Database& database, ChangePlan plan, const Author& author,
                             const Followers& followers) {
    for (int attempt = 1;; ++attempt) {
        std::vector<Write> writes = writes_of(plan, author);
        if (followers)
            for (Write& write : TRY(followers(database, plan)))
                writes.push_back(std::move(write));
        Result<uint64_t> written = database.commit(writes);
        if (written) return plan.last_event + 1;
        if (written.error().code != ESTALE || attempt == kAttempts) return std::unexpected(written.error());
        uint64_t undoes = plan.undoes;
        plan = TRY(plan_changes(database, [&](const Inventory& now) -> Result<Edits> {
            TRY(check_unchanged(database, plan.before.objects(), now.objects(), plan.edits));
            return std::move(plan.edits);
        }));
        plan.undoes = undoes;
    }
}

Result<std::vector<Write>> writes_of_event(Database& database, const Author& author, const Words& nodes,
                                           const Words& diff) {
    std::optional<Entry> counter = TRY(database.get("inventory"));
    uint64_t number = (counter ? parse_number(counter->value).value_or(0) : 0) + 1;
    Event event = {.number = number,
                   .time = utc_now(),
                   .author = author,
                   .nodes = fold_nodes(nodes),
                   .groups = {},
                   .diff = diff};
    return std::vector<Write>{{"inventory", text(number), counter ? counter->revision : 0},
                              {event_key("event", number), print_json(description_of(event)), 0}};
}

Result<std::vector<Event>> list_events(Database& database) {
    std::vector<Event> events;
    for (const Entry& entry : TRY(database.list("event/")))
        events.push_back(read_event(entry));
    return events;
}

Result<Edits> undo_event(Database& database, const Inventory& now, uint64_t number) {
    std::optional<Entry> entry = TRY(database.get(event_key("images", number)));
    if (!entry && TRY(database.get(event_key("event", number))))
        return permanent_error("event ", number,
                               ": is of a rollout; mangrovectl rollout revert brings its nodes back");
    if (!entry) return permanent_error("no event ", number, "; see mangrovectl history");
    Json images = TRY(parse_json(entry->value, entry->key));
    Edits edits;
    for (const cJSON* one = images->child; one; one = one->next)
        edits.emplace(one->string,
                      TRY(undo_object(one->string, one, object_at(now.objects(), one->string), number)));
    return edits;
}

Json description_of(const Event& event) {
    Json json = make_json_object();
    cJSON_AddNumberToObject(json.get(), "event", static_cast<double>(event.number));
    add_text(json.get(), "time", event.time);
    add_text(json.get(), "who", event.author.who);
    add_text(json.get(), "command", event.author.command);
    add_text(json.get(), "nodes", event.nodes);
    add_texts(json.get(), "groups", event.groups);
    add_texts(json.get(), "diff", event.diff);
    return json;
}

} // namespace mangrove::head
