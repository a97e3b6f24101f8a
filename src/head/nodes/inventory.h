#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "head/nodes/database.h"
#include "head/nodes/merge.h"
#include "head/nodes/objects.h"

namespace mangrove::head {

/// A node after its groups are merged into it.
struct ResolvedNode {
    Json fields;     ///< macs, uuid, groups (all it is in), files, values, bmc, interfaces
    Sources sources; ///< only if they were asked for
};

enum class WithSources { no, yes };

/// All nodes and groups as they were at one moment.
class Inventory {
  public:
    static Result<Inventory> load(Database& database);
    /// Computes which nodes the groups match. The objects must be checked.
    static Result<Inventory> from(Objects objects);

    const Objects& objects() const { return objects_; }
    const Object* find(const std::string& noun, const std::string& name) const;
    /// The same, or an error that suggests a name.
    Result<const Object*> get(const std::string& noun, const std::string& name) const;
    /// Returns all names of a noun, by NodeOrder.
    std::vector<std::string> names(const std::string& noun) const;

    /// Returns all groups of a node in the order in which they are merged: first those that match it, by
    /// name, then its own; each after the groups that it includes itself.
    std::vector<std::string> groups_of(const Object& node) const;
    ResolvedNode resolve(const Object& node, WithSources with_sources = WithSources::no) const;

    /// Returns what commands and the API show of an object: its own fields and, of a node, all its groups.
    Json description_of(const Object& object) const;

    /// Returns the existing nodes that an expression means: node sets, "@GROUP", "all", "KEY=VALUE" (KEY: a
    /// path of the resolved fields, or of `values`; of what load() read, also "state=lost" and
    /// "release=r-3f1c", as rollouts left the nodes). An unknown name, and no node at all, are errors.
    Result<std::vector<std::string>> select(std::string_view expression) const;
    /// The same for nodes that need not exist (any longer).
    Result<std::vector<std::string>> expand(std::string_view expression) const;

  private:
    explicit Inventory(Objects objects) : objects_(std::move(objects)) {}

    Result<> match_groups();
    Result<std::vector<std::string>> look_up(std::string_view operand) const;
    std::vector<std::string> members_of(const std::string& group) const;
    std::vector<std::string> nodes_with(std::string_view key, std::string_view value) const;

    Objects objects_;
    std::vector<Entry> states_; ///< what rollouts know of the nodes: records `state/NODE`
    std::map<std::string, std::vector<std::string>> matching_; ///< groups, by the node that they match
};

} // namespace mangrove::head
