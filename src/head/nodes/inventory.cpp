#include "head/nodes/inventory.h"

#include <algorithm>
#include <set>

#include "head/host/json.h"
#include "head/nodes/node_set.h"

namespace mangrove::head {

namespace {

using Words = std::vector<std::string>;

constexpr const char* kNode = "node/";
constexpr const char* kGroup = "group/";
constexpr const char* kState = "state/";

template <typename Visit>
void for_each(const Objects& objects, std::string_view prefix, const Visit& visit) {
    for (auto found = objects.lower_bound(std::string(prefix));
         found != objects.end() && found->first.starts_with(prefix); ++found)
        visit(found->second);
}

const cJSON* item_at(const cJSON* json, std::string_view path) {
    for (const std::string& key : split(path, '.'))
        json = cJSON_GetObjectItemCaseSensitive(json, key.c_str());
    return json;
}

bool is_value(const cJSON* json, std::string_view value) {
    if (cJSON_IsString(json)) return json->valuestring == value;
    if (!cJSON_IsArray(json)) return json && one_line(json) == value;
    for (const cJSON* item = json->child; item; item = item->next)
        if (is_value(item, value)) return true;
    return false;
}

/// "rack" means values.rack.
bool has_value(const cJSON* fields, std::string_view key, std::string_view value) {
    static const std::set<std::string, std::less<>> kFields = {"macs", "uuid",   "groups",    "files",
                                                               "bmc",  "values", "interfaces"};
    if (!kFields.contains(key.substr(0, key.find('.'))))
        fields = cJSON_GetObjectItemCaseSensitive(fields, "values");
    return is_value(item_at(fields, key), value);
}

/// Whether a rollout left a node in a state, or committed to a release, of which the first digits will do.
bool is_as_wanted(const Entry& entry, std::string_view key, std::string_view value) {
    Json json(cJSON_Parse(entry.value.c_str()));
    if (key == "state") return text_at(json.get(), "state") == value;
    return key == "release" && value.starts_with("r-") && text_at(json.get(), "committed").starts_with(value);
}

/// Finds the nodes that the groups match. A match of other groups needs theirs first.
class Matching {
  public:
    explicit Matching(const Objects& objects) : objects_(objects) {}

    Result<Words> nodes_of(const Object& group) {
        std::string expression = text_at(group.fields.get(), "match");
        if (expression.empty()) return Words();
        if (auto known = done_.find(group.name); known != done_.end()) return known->second;
        if (std::ranges::find(open_, group.name) != open_.end())
            return permanent_error("it depends on itself: ", join(open_, " -> "), " -> ", group.name);
        open_.push_back(group.name);
        Words nodes =
            TRY(expand_nodes(expression, [this](std::string_view operand) { return look_up(operand); }));
        open_.pop_back();
        std::erase_if(nodes, [&](const std::string& node) { return !objects_.contains(kNode + node); });
        return done_[group.name] = std::move(nodes);
    }

  private:
    Result<Words> look_up(std::string_view operand) {
        if (operand.starts_with('@')) return members_of(std::string(operand.substr(1)));
        size_t equals = operand.find('=');
        Words nodes;
        for_each(objects_, kNode, [&](const Object& node) {
            if (equals == std::string_view::npos
                || has_value(node.fields.get(), operand.substr(0, equals), operand.substr(equals + 1)))
                nodes.push_back(node.name);
        });
        return nodes;
    }

    /// The nodes that list the group, or a group that includes it, or are matched by one of these.
    Result<Words> members_of(const std::string& group) {
        if (!objects_.contains(kGroup + group)) return permanent_error("no group '", group, "'");
        std::set<std::string> including = including_groups(group);
        Words nodes;
        for_each(objects_, kNode, [&](const Object& node) {
            if (std::ranges::any_of(texts_at(node.fields.get(), "groups"),
                                    [&](const std::string& own) { return including.contains(own); }))
                nodes.push_back(node.name);
        });
        for (const std::string& one : including) {
            Words matched = TRY(nodes_of(objects_.at(kGroup + one)));
            nodes.insert(nodes.end(), matched.begin(), matched.end());
        }
        return nodes;
    }

    std::set<std::string> including_groups(const std::string& group) const {
        std::set<std::string> including = {group};
        for (size_t before = 0; before != including.size();) {
            before = including.size();
            for_each(objects_, kGroup, [&](const Object& one) {
                for (const std::string& inner : texts_at(one.fields.get(), "groups"))
                    if (including.contains(inner)) including.insert(one.name);
            });
        }
        return including;
    }

    const Objects& objects_;
    Words open_;
    std::map<std::string, Words> done_;
};

/// Walks through groups in depth; each comes once.
class GroupWalk {
  public:
    explicit GroupWalk(const Objects& objects) : objects_(objects) {}

    void visit(const Words& references) {
        for (const std::string& reference : references) {
            if (reference.starts_with('~')) {
                left_out_.insert(reference.substr(1));
                continue;
            }
            auto group = objects_.find(kGroup + reference);
            if (group == objects_.end() || !seen_.insert(reference).second) continue;
            visit(texts_at(group->second.fields.get(), "groups"));
            order_.push_back(reference);
        }
    }

    Words result() && {
        std::erase_if(order_, [this](const std::string& group) { return left_out_.contains(group); });
        return std::move(order_);
    }

  private:
    const Objects& objects_;
    Words order_;
    std::set<std::string> seen_;
    std::set<std::string> left_out_;
};

/// Two groups may bring the same set of files; it comes once.
void add_files(cJSON* fields, const Object& group, Sources* sources) {
    Words wanted = texts_at(group.fields.get(), "files");
    Words there = texts_at(fields, "files");
    std::erase_if(wanted,
                  [&](const std::string& one) { return std::ranges::find(there, one) != there.end(); });
    if (wanted.empty()) return;
    Json added = make_json_object();
    add_texts(added.get(), "files", wanted);
    merge_into(fields, added.get(), group.title(), sources);
}

void add_fields(cJSON* fields, const Object& object, Sources* sources) {
    for (const char* name : {"macs", "uuid", "values", "bmc", "interfaces"}) {
        const cJSON* value = cJSON_GetObjectItemCaseSensitive(object.fields.get(), name);
        if (!value) continue;
        Json one = make_json_object();
        cJSON_AddItemReferenceToObject(one.get(), name, const_cast<cJSON*>(value));
        merge_into(fields, one.get(), object.title(), sources);
    }
}

Result<Object> object_of(const Entry& entry) {
    size_t slash = entry.key.find('/');
    return Object{.noun = entry.key.substr(0, slash),
                  .name = entry.key.substr(slash + 1),
                  .fields = TRY(parse_json(entry.value, entry.key)),
                  .revision = entry.revision};
}

Result<Objects> load_objects(Database& database) {
    Objects objects;
    for (const char* prefix : {kGroup, kNode})
        for (const Entry& entry : TRY(database.list(prefix)))
            objects.emplace(entry.key, TRY(object_of(entry)));
    return objects;
}

} // namespace

Result<Inventory> Inventory::load(Database& database) {
    while (true) {
        uint64_t revision = TRY(database.revision());
        Objects objects = TRY(load_objects(database));
        std::vector<Entry> states = TRY(database.list(kState));
        // Somebody wrote between the lists.
        if (TRY(database.revision()) != revision) continue;
        Inventory inventory = TRY(from(std::move(objects)));
        inventory.states_ = std::move(states);
        return inventory;
    }
}

Result<Inventory> Inventory::from(Objects objects) {
    Inventory inventory(std::move(objects));
    TRY(inventory.match_groups());
    return inventory;
}

Result<> Inventory::match_groups() {
    Matching matching(objects_);
    Words problems;
    for_each(objects_, kGroup, [&](const Object& group) {
        Result<Words> nodes = matching.nodes_of(group);
        if (!nodes) problems.push_back(text(group.title(), ": match: ", nodes.error().what));
        for (const std::string& node : nodes.value_or(Words()))
            matching_[node].push_back(group.name);
    });
    if (!problems.empty()) return permanent_error(problems[0]);
    return {};
}

const Object* Inventory::find(const std::string& noun, const std::string& name) const {
    auto found = objects_.find(noun + "/" + name);
    return found == objects_.end() ? nullptr : &found->second;
}

Result<const Object*> Inventory::get(const std::string& noun, const std::string& name) const {
    if (const Object* found = find(noun, name)) return found;
    return permanent_error("no ", noun, " ", quoted_name(name), did_you_mean(name, names(noun)));
}

Words Inventory::names(const std::string& noun) const {
    Words names;
    for_each(objects_, noun + "/", [&](const Object& object) { names.push_back(object.name); });
    std::ranges::sort(names, NodeOrder());
    return names;
}

Words Inventory::groups_of(const Object& node) const {
    GroupWalk walk(objects_);
    if (auto matching = matching_.find(node.name); matching != matching_.end()) walk.visit(matching->second);
    walk.visit(texts_at(node.fields.get(), "groups"));
    return std::move(walk).result();
}

ResolvedNode Inventory::resolve(const Object& node, WithSources with_sources) const {
    ResolvedNode resolved{.fields = make_json_object(), .sources = {}};
    cJSON* fields = resolved.fields.get();
    Sources* sources = with_sources == WithSources::yes ? &resolved.sources : nullptr;
    Words groups = groups_of(node);
    add_texts(fields, "groups", groups);
    for (const std::string& name : groups) {
        const Object& group = objects_.at(kGroup + name);
        add_files(fields, group, sources);
        add_fields(fields, group, sources);
    }
    add_fields(fields, node, sources);
    return resolved;
}

Result<Words> Inventory::expand(std::string_view expression) const {
    return expand_nodes(expression, [this](std::string_view operand) { return look_up(operand); });
}

Result<Words> Inventory::select(std::string_view expression) const {
    Words names = TRY(expand(expression));
    if (names.empty()) return permanent_error("'", expression, "': no node is meant by it");
    Words unknown;
    for (const std::string& name : names)
        if (!find("node", name)) unknown.push_back(name);
    if (unknown.size() == 1) TRY(get("node", unknown[0]));
    if (!unknown.empty()) return permanent_error("no nodes ", fold_nodes(unknown));
    return names;
}

Result<Words> Inventory::look_up(std::string_view operand) const {
    if (operand == "all") return names("node");
    size_t equals = operand.find('=');
    if (!operand.starts_with('@')) return nodes_with(operand.substr(0, equals), operand.substr(equals + 1));
    std::string group(operand.substr(1));
    TRY(get("group", group));
    return members_of(group);
}

Words Inventory::members_of(const std::string& group) const {
    Words nodes;
    for_each(objects_, kNode, [&](const Object& node) {
        Words groups = groups_of(node);
        if (std::ranges::find(groups, group) != groups.end()) nodes.push_back(node.name);
    });
    return nodes;
}

Words Inventory::nodes_with(std::string_view key, std::string_view value) const {
    Words nodes;
    for_each(objects_, kNode, [&](const Object& node) {
        if (has_value(resolve(node).fields.get(), key, value)) nodes.push_back(node.name);
    });
    if (key != "state" && key != "release") return nodes;
    for (const Entry& entry : states_) {
        std::string node = entry.key.substr(std::string_view(kState).size());
        if (is_as_wanted(entry, key, value) && objects_.contains(kNode + node)) nodes.push_back(node);
    }
    return nodes;
}

Json Inventory::description_of(const Object& object) const {
    Json json = make_json_object();
    add_text(json.get(), "name", object.name);
    cJSON_AddNumberToObject(json.get(), "revision", static_cast<double>(object.revision));
    cJSON_AddItemToObject(json.get(), "fields", cJSON_Duplicate(object.fields.get(), true));
    if (object.noun == "node") add_texts(json.get(), "groups", groups_of(object));
    return json;
}

} // namespace mangrove::head
