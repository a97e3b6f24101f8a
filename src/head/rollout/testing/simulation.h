#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "head/rollout/operate.h"
#include "head/rollout/tick.h"

/// Machines that boot, fail, hang and post, below the real controller. Everything that happens comes from
/// `choose`, so that a seed, or the bytes of a fuzzer, repeat it.
namespace mangrove::head::testing {

/// Returns a number below `bound`.
using Choose = std::function<uint32_t(uint32_t bound)>;

/// The fate of a release on a machine.
enum class Behaviour { good, panics, hangs, falls_back, unhealthy, flaps };

struct Machine {
    enum class Phase { off, firmware, loading, running, hung };

    std::string name;
    std::string rack;
    bool has_bmc = false;
    Phase phase = Phase::running;
    int64_t until = 0;        ///< of firmware and loading
    std::string release = {}; ///< that it loads or runs
    bool is_fallback = false;
    std::string boot_id = {};
    bool has_reported = true;
    int64_t next_health = 0;
    std::set<std::string> healthy_on = {}; ///< releases with which it really was healthy
};

class Simulation {
  public:
    Simulation(Choose choose, size_t machines);

    /// Begins a rollout of all machines. Nothing of the answer: it was refused.
    std::optional<std::string> start(const std::string& release, Policy policy, size_t canaries);
    void order(const std::string& rollout, RolloutOrder order);
    void order_nodes(const Machine& machine, NodesOrder order);
    void restart(Machine& machine);
    void restart_without_firmware(Machine& machine, const Action& action);
    void switch_off(Machine& machine);
    /// The head node is down; so are the machines, for simplicity.
    void skip(int64_t seconds) { time_ += seconds; }
    /// Lets seconds pass in small steps, with a tick after each.
    void pass(int64_t seconds);
    /// The same with lost, late and repeated messages, crashes, clocks that jump, operators and switches.
    void pass_in_chaos(size_t steps);
    /// Ends all chaos and lets operators do what is theirs, until nothing changes any more.
    void settle();

    /// By release and machine; `good` where nothing is said.
    std::map<std::pair<std::string, std::string>, Behaviour> behaviours = {};
    std::set<std::string> drained_by_operator = {}; ///< the scheduler gives none of these machines
    bool is_storage_dead = false;
    std::set<std::string> busy = {};        ///< machines whose work does not end
    std::vector<std::string> problems = {}; ///< invariants that did not hold
    std::deque<Machine> machines = {};
    std::vector<std::string> restarts = {}; ///< "n1 by ssh", as they were asked for

    const Records& records() const { return records_; }
    const NodeState& node(const std::string& name) const { return records_.nodes.find(name)->second; }
    size_t count(State state) const;
    std::string describe() const;

  private:
    bool happens(uint32_t percent) { return is_chaos_ && choose_(100) < percent; }
    Moment now();
    Behaviour behaviour_of(const Machine& machine) const;
    void step();
    void tick_once();
    void crash();
    void act(const Action& action);
    void run(Machine& machine);
    void fetch(Machine& machine);
    void load(Machine& machine);
    void post(Machine& machine);
    void send(const std::string& node, const NodeEvent& event);
    void deliver(const std::string& node, const NodeEvent& event);
    bool write(const std::vector<Write>& writes);
    void be_an_operator();
    bool is_over() const;
    void help_out();
    void check();
    void check_repeated(const std::vector<Action>& actions);
    void check_commits(const std::map<std::string, std::string>& before);
    void fail(std::string problem);

    Choose choose_;
    bool is_chaos_ = false;
    int64_t time_ = 1'796'000'000;
    int64_t skew_ = 0;
    uint64_t boots_ = 0;
    uint64_t releases_ = 0;
    Records records_;
    std::map<std::string, std::string> disk_;
    std::deque<std::pair<std::string, NodeEvent>> sent_; ///< to be repeated late
};

} // namespace mangrove::head::testing
