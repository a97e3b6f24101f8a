#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"

namespace mangrove::head {

/// Whether a release of the node can be served by now.
using IsPrepared = std::function<bool(const std::string& release)>;

/// The nodes that rollouts move. What such a node tells is recorded before it is answered, so that a head
/// node that dies in between goes on where it was (head/rollout/tick.h). Any thread may call these functions.
class MovingNodes {
  public:
    virtual ~MovingNodes() = default;

    /// Returns the release that a node boots while no rollout has it ("": none), and does not wait. Nothing
    /// for a node that a rollout has: then the other functions must be called, which may wait.
    virtual std::optional<std::string> settled_release(const std::string& node) const = 0;

    /// Events of nodes that no rollout has are recorded later.
    virtual void note_script(const std::string& node) = 0;
    virtual void note_report(const std::string& node, const std::string& release,
                             const std::string& report) = 0;

    /// The node fetches its script. Returns the release to serve; one that is not prepared yet is not
    /// recorded as served. An error where nothing is known of the node.
    virtual Result<std::string> on_script(const std::string& node, const IsPrepared& is_prepared) = 0;
    /// The node fetches the definition of a release; of "", where its URL names none. Returns the release to
    /// serve.
    virtual Result<std::string> on_definition(const std::string& node, const std::string& release) = 0;
    /// `release`: as the URL has it, for images whose report does not name it.
    virtual Result<> on_report(const std::string& node, const std::string& release,
                               const std::string& report) = 0;
    /// The health of a boot of `release`. Returns what the node gets to know: "committed", "restart" (it goes
    /// back), or nothing.
    virtual Result<std::string> on_health(const std::string& node, const std::string& release,
                                          const std::string& posted) = 0;
};

} // namespace mangrove::head
