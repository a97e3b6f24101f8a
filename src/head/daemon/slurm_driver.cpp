#include "head/daemon/slurm_driver.h"

#include <thread>

#include "base/log.h"

namespace mangrove::head {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kPause = 5s;
/// After a command has changed something.
constexpr auto kShortPause = 1s;

} // namespace

void SlurmDriver::take(const std::vector<Action>& actions) {
    if (actions.empty() || asked_.valid() || Clock::now() < not_before_) return;
    std::packaged_task<SlurmOutcome()> task(
        [actions, scontrol = run_scontrol(scontrol_)] { return take_in_slurm(actions, scontrol); });
    asked_ = task.get_future();
    std::thread(std::move(task)).detach();
}

std::optional<SlurmOutcome> SlurmDriver::done() {
    if (!asked_.valid() || asked_.wait_for(0s) != std::future_status::ready) return std::nullopt;
    SlurmOutcome outcome = asked_.get();
    not_before_ = Clock::now() + (outcome.commands.empty() ? kPause : kShortPause);
    log(outcome);
    return outcome;
}

void SlurmDriver::log(const SlurmOutcome& outcome) {
    if (outcome.problem != problem_ && !outcome.problem.empty())
        log_warning("slurm: ", outcome.problem, "; retrying");
    if (outcome.problem.empty() && !problem_.empty()) log_notice("slurm: rollouts go on");
    problem_ = outcome.problem;
    for (const std::string& command : outcome.commands)
        log_notice("slurm: scontrol ", command);
}

} // namespace mangrove::head
