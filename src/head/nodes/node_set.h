#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mangrove::head {

/// Sorts names as ClusterShell does: by the text around their numbers, then by each number's length and
/// value.
struct NodeOrder {
    bool operator()(const std::string& left, const std::string& right) const;
};

/// Returns the nodes of an operand that is no node range: "@group", "all", "key=value".
using NodeLookup = std::function<Result<std::vector<std::string>>(std::string_view operand)>;

/// Returns the names that an expression of ClusterShell's node sets means, sorted and without duplicates:
/// "n[001-010/2,20]", "r[1-2]n[1-4]", with ',' (union), '!' (difference), '&' (intersection) and '^'
/// (symmetric difference), which have the same precedence and apply from left to right. Errors quote the
/// operand.
Result<std::vector<std::string>> expand_nodes(std::string_view expression, const NodeLookup& lookup);

/// Returns the shortest node set that expand_nodes turns into these names: "n[1-3,5],x". Empty for none.
std::string fold_nodes(std::vector<std::string> names);

/// The most nodes that one expression may mean.
inline constexpr size_t kMaxNodes = 1'000'000;

} // namespace mangrove::head
