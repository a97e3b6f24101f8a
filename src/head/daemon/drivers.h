#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "head/daemon/slurm_driver.h"
#include "head/nodes/inventory.h"
#include "head/rollout/records.h"
#include "head/rollout/transitions.h"

namespace mangrove::head {

/// Takes the actions of rollouts, each in a thread: programs and BMCs that may hang. One thread uses it.
class Drivers {
  public:
    /// An action that has ended, as the event of its node.
    struct Done {
        Action action;
        NodeEvent event;
    };

    /// `database`: as open_database() has it; nodes' BMCs and their passwords are there. `scontrol`: the
    /// words that run Slurm's scontrol.
    Drivers(std::string database, std::vector<std::string> scontrol)
        : where_(std::move(database)), slurm_(std::move(scontrol)) {}

    /// Starts actions that are not under way. One that failed is tried again after a minute.
    void take(const std::vector<Action>& actions);
    /// Returns the actions that have ended since.
    std::vector<Done> done();

  private:
    struct Ended {
        Action action;
        std::string problem; ///< empty: it was done
        std::string refusal; ///< why it was done in the usual way
    };
    /// Outlives the drivers where a program goes on.
    struct Mailbox {
        std::mutex mutex;
        std::vector<Ended> ended = {};
    };
    /// The BMCs of all nodes, as they were when an action began.
    struct Power {
        std::shared_ptr<Database> database;
        Inventory inventory;
    };
    using SharedPower = std::shared_ptr<const Power>;
    Result<SharedPower> read_power();
    void start(const Action& action, const Result<SharedPower>& power);

    std::string where_;
    std::shared_ptr<Database> database_; ///< for BMCs
    std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
    SlurmDriver slurm_;
    std::vector<Action> cleared_; ///< Slurm has drained these nodes
    size_t running_ = 0;
    std::map<std::string, std::chrono::steady_clock::time_point> not_before_; ///< by the action's id
};

} // namespace mangrove::head
