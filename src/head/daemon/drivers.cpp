#include "head/daemon/drivers.h"

#include <chrono>
#include <thread>

#include "base/log.h"
#include "head/host/program.h"
#include "head/power/power.h"
#include "head/rollout/driver.h"

namespace mangrove::head {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMostRunning = 64;
constexpr std::chrono::minutes kPauseAfterFailure{1};

NodeEvent event_of(Action::Kind kind, const std::string& problem, const std::string& refusal) {
    bool is_restart = kind == Action::Kind::restart || kind == Action::Kind::power_cycle;
    if (!problem.empty())
        return NodeEvent{.kind = is_restart ? NodeEvent::Kind::restart_failed : NodeEvent::Kind::hindered,
                         .why = problem};
    return NodeEvent{.kind = is_restart                    ? NodeEvent::Kind::restarted
                             : kind == Action::Kind::drain ? NodeEvent::Kind::drained
                                                           : NodeEvent::Kind::resumed,
                     .why = refusal};
}

/// Returns what the command printed.
Result<std::string> run_command(const Action& action) {
    std::vector<std::string> words = TRY(command_for(action));
    return run_program(
        {.words = words,
         .environment = {"MANGROVE_ROLLOUT=" + action.rollout, "MANGROVE_BOOT=" + action.boot}});
}

/// A node that has begun another boot meanwhile is left alone.
std::string cycle_power(Database& database, const Inventory& inventory, const Action& action) {
    return problem_of(order_power(database, inventory, action.node, PowerOrder::cycle,
                                  [&] { return is_still_due(database, action); }));
}

} // namespace

Result<Drivers::SharedPower> Drivers::read_power() {
    if (!database_) database_ = TRY(open_database(where_));
    return std::make_shared<const Power>(database_, TRY(Inventory::load(*database_)));
}

void Drivers::start(const Action& action, const Result<SharedPower>& power) {
    ++running_;
    std::thread([action, power, mailbox = mailbox_] {
        Ended ended = {.action = action, .problem = {}, .refusal = {}};
        if (!is_by_power(action)) {
            Result<std::string> ran = run_command(action);
            ended.problem = ran ? "" : ran.error().what;
            ended.refusal = ran ? refusal_in(action, *ran) : "";
        } else if (power)
            ended.problem = cycle_power(*(*power)->database, (*power)->inventory, action);
        else
            ended.problem = power.error().what;
        std::lock_guard lock(mailbox->mutex);
        mailbox->ended.push_back(std::move(ended));
    }).detach();
}

void Drivers::take(const std::vector<Action>& actions) {
    auto now = Clock::now();
    std::erase_if(not_before_, [&](const auto& entry) { return entry.second < now; });
    std::optional<Result<SharedPower>> power;
    std::vector<Action> in_slurm;
    for (const Action& action : actions) {
        if (action.is_in_slurm) in_slurm.push_back(action);
        bool is_cleared = std::ranges::find(cleared_, action) != cleared_.end();
        if ((action.is_in_slurm && !is_cleared) || running_ >= kMostRunning) continue;
        if (!not_before_.emplace(action.id, Clock::time_point::max()).second) continue;
        log_notice("node ", action.node, ": ", name_of(action.kind), " by ", action.how, " (rollout ",
                   action.rollout, ")");
        if (!power && is_by_power(action)) power = read_power();
        start(action, power.value_or(nullptr));
    }
    cleared_.clear();
    slurm_.take(in_slurm);
}

std::vector<Drivers::Done> Drivers::done() {
    std::vector<Ended> ended;
    {
        std::lock_guard lock(mailbox_->mutex);
        ended.swap(mailbox_->ended);
    }
    std::vector<Done> events;
    for (const Ended& one : ended) {
        --running_;
        // Until the event is recorded, the action is still asked for.
        not_before_[one.action.id] = Clock::now() + kPauseAfterFailure;
        if (!one.problem.empty())
            log_warning("node ", one.action.node, ": ", name_of(one.action.kind), ": ", one.problem);
        if (!one.refusal.empty())
            log_warning("node ", one.action.node, ": restart by ", one.action.how, " refused: ", one.refusal,
                        "; it restarts through its firmware");
        events.push_back({one.action, event_of(one.action.kind, one.problem, one.refusal)});
    }
    if (std::optional<SlurmOutcome> outcome = slurm_.done()) {
        for (SlurmOutcome::Told& told : outcome->events)
            events.push_back({told.action, std::move(told.event)});
        cleared_ = std::move(outcome->cleared);
    }
    return events;
}

} // namespace mangrove::head
