#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "head/daemon/drivers.h"
#include "head/rollout/tick.h"
#include "head/serve/meter.h"
#include "head/serve/moving_nodes.h"

namespace mangrove::head {

/// Runs rollouts (head/rollout/tick.h): decides time and again what happens next, writes that down, and only
/// then restarts nodes. It has a thread and a database of its own.
class Controller : public MovingNodes {
  public:
    /// `database`: as open_database() has it. `scontrol`: the words that run Slurm's scontrol.
    explicit Controller(std::string database, Meter* meter = nullptr,
                        std::vector<std::string> scontrol = {"scontrol"});
    ~Controller() override;

    /// Reads the records; where that fails, it is tried again.
    void start();
    void stop();
    /// Returns why rollouts do not go on; empty: they do.
    std::string problem() const;

    std::optional<std::string> settled_release(const std::string& node) const override;
    void note_script(const std::string& node) override;
    void note_report(const std::string& node, const std::string& release, const std::string& report) override;
    Result<std::string> on_script(const std::string& node, const IsPrepared& is_prepared) override;
    Result<std::string> on_definition(const std::string& node, const std::string& release) override;
    Result<> on_report(const std::string& node, const std::string& release,
                       const std::string& report) override;
    Result<std::string> on_health(const std::string& node, const std::string& release,
                                  const std::string& posted) override;

    /// Does once what the thread does time and again.
    Result<> step();

  private:
    /// Of a node that no rollout has.
    struct Noted {
        std::string node;
        bool is_script;
        std::string release = {};
        std::string report = {};
    };
    Result<> load();
    Result<> sync();
    Result<> refresh();
    void advance_clock();
    Result<> write(const RolloutStep& step);
    Result<NodeState> record(const std::string& node, const NodeEvent& event);
    Result<> record_noted();
    Result<> record_done();
    Result<bool> is_leading();
    bool is_idle() const;
    void publish(const NodeState& node);
    void publish_all();
    void set_problem(std::string problem);

    std::string where_;
    std::string holder_; ///< of the lease
    Meter* meter_;
    Drivers drivers_; ///< used in the thread alone

    std::mutex mutex_; ///< of what follows
    std::unique_ptr<Database> database_;
    Records records_;
    bool is_loaded_ = false;
    uint64_t revision_ = 0;                          ///< as of which the records are complete
    std::chrono::steady_clock::time_point leased_{}; ///< when the lease was taken last
    std::map<std::string, std::string> failures_;    ///< why boots failed that are under way, by the node

    mutable std::shared_mutex served_mutex_; ///< of what follows, never held for long
    bool is_known_ = false;
    /// The releases of nodes that have records; nothing for those that a rollout has.
    std::unordered_map<std::string, std::optional<std::string>> served_;
    std::vector<Noted> noted_;
    std::string problem_;
    std::jthread thread_;
};

} // namespace mangrove::head
