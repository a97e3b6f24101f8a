#include "head/daemon/drivers.h"

#include <chrono>
#include <thread>

#include "base/log.h"
#include "head/host/program.h"
#include "head/rollout/driver.h"

namespace mangrove::head {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMostRunning = 64;
constexpr std::chrono::minutes kPauseAfterFailure{1};

/// nothing where the action is asked for again.
std::optional<NodeEvent> event_of(Action::Kind kind, const std::string& problem) {
    bool is_restart = kind == Action::Kind::restart || kind == Action::Kind::power_cycle;
    if (!problem.empty() && !is_restart) return std::nullopt;
    if (!problem.empty()) return NodeEvent{.kind = NodeEvent::Kind::restart_failed, .why = problem};
    return NodeEvent{.kind = is_restart                    ? NodeEvent::Kind::restarted
                             : kind == Action::Kind::drain ? NodeEvent::Kind::drained
                                                           : NodeEvent::Kind::resumed};
}

} // namespace

void Drivers::run(const Action& action, const std::shared_ptr<Mailbox>& mailbox) {
    Result<std::vector<std::string>> words = command_for(action);
    Result<std::string> ran = words ? run_program({.words = *words,
                                                   .environment = {"MANGROVE_ROLLOUT=" + action.rollout,
                                                                   "MANGROVE_BOOT=" + action.boot}})
                                    : std::unexpected(words.error());
    std::lock_guard lock(mailbox->mutex);
    mailbox->ended.push_back({action, ran ? "" : ran.error().what});
}

void Drivers::take(const std::vector<Action>& actions) {
    auto now = Clock::now();
    std::erase_if(not_before_, [&](const auto& entry) { return entry.second < now; });
    for (const Action& action : actions) {
        if (running_ >= kMostRunning) return;
        if (!not_before_.emplace(action.id, Clock::time_point::max()).second) continue;
        log_notice("node ", action.node, ": ", name_of(action.kind), " by ", action.how, " (rollout ",
                   action.rollout, ")");
        ++running_;
        std::thread(run, action, mailbox_).detach();
    }
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
        if (std::optional<NodeEvent> event = event_of(one.action.kind, one.problem))
            events.push_back({one.action.node, *std::move(event)});
    }
    return events;
}

} // namespace mangrove::head
