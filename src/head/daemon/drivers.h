#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "head/rollout/records.h"
#include "head/rollout/transitions.h"

namespace mangrove::head {

/// Takes the actions of rollouts, each in a thread: programs that may hang. One thread uses it.
class Drivers {
  public:
    /// An action that has ended, as the event of its node.
    struct Done {
        std::string node;
        NodeEvent event;
    };

    /// Starts actions that are not under way. One that failed is tried again after a minute.
    void take(const std::vector<Action>& actions);
    /// Returns the actions that have ended since.
    std::vector<Done> done();

  private:
    struct Ended {
        Action action;
        std::string problem; ///< empty: it was done
    };
    /// Outlives the drivers where a program goes on.
    struct Mailbox {
        std::mutex mutex;
        std::vector<Ended> ended = {};
    };
    static void run(const Action& action, const std::shared_ptr<Mailbox>& mailbox);

    std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
    size_t running_ = 0;
    std::map<std::string, std::chrono::steady_clock::time_point> not_before_; ///< by the action's id
};

} // namespace mangrove::head
