#pragma once

#include <map>
#include <string>
#include <vector>

#include "head/nodes/changes.h"

/// Machines that asked to boot and are no nodes.
namespace mangrove::head {

struct Discovered {
    std::string mac; ///< "52:54:00:12:34:56"
    std::string address = {};
    std::string uuid = {};
    std::string serial = {};
    std::string manufacturer = {};
    std::string product = {};
    std::string tpm = {};   ///< of a node whose TPM is not enrolled: the digest that enrols it
    std::string first = {}; ///< when it asked first, "2026-11-29T21:35:00Z"
    std::string last = {};

    std::string key() const { return "discovered/" + mac; }
};

/// The most that are kept; whoever is on the network can invent more.
inline constexpr size_t kMostDiscovered = 4096;

/// Returns those that are still no nodes, by the time at which they asked first.
Result<std::vector<Discovered>> list_discovered(Database& database, const Inventory& inventory);
/// Notes when machines asked; one that is known keeps its first time. Those of nodes are forgotten, unless
/// they wait until their TPM is enrolled.
Result<> note_discovered(Database& database, const Inventory& inventory, std::vector<Discovered> seen);
/// Returns the nodes that wait until their TPM is enrolled. One that has a TPM keeps it.
Result<std::map<std::string, Discovered>> list_new_tpms(Database& database, const Inventory& inventory);
/// Removes one, or all of them.
Result<> forget_discovered(Database& database, const std::vector<Discovered>& machines);

/// Returns the edits that make nodes of machines: each gets the next of the names that is free. The fields
/// are those of a node.
Result<Edits> accept_discovered(const Inventory& now, const std::vector<Discovered>& machines,
                                const std::vector<std::string>& names, const cJSON* fields);

Json to_json(const Discovered& machine);

/// Makes nodes of machines without a question.
struct AcceptRule {
    std::string names;                        ///< a node set: each gets the next name that is free
    std::map<std::string, std::string> match; ///< patterns (fnmatch(3)) by the fields of a machine: all match
    std::string fields = "{}";                ///< of the nodes, JSON
};

/// Reads {"names", "match", "fields"}; the error names the key.
Result<AcceptRule> read_accept_rule(const cJSON* json);
/// Makes nodes of the machines that the first rule which matches them accepts. The error names a machine for
/// which no name is left.
Result<> accept_by_rules(Database& database, const std::vector<AcceptRule>& rules);

} // namespace mangrove::head
