#include "head/daemon/controller.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <unistd.h>

#include "base/log.h"
#include "head/host/files.h"
#include "head/host/json.h"
#include "head/rollout/driver.h"
#include "head/rollout/health.h"
#include "head/rollout/operate.h"
#include "head/serve/boot_reports.h"

namespace mangrove::head {

namespace {

using namespace std::chrono_literals;

constexpr auto kPause = 1s;
constexpr const char* kLease = "rollouts";
constexpr std::chrono::seconds kLeaseDuration{30};
constexpr auto kBetweenLeases = 10s;
constexpr int kTries = 4;
constexpr size_t kMostNoted = 50'000;
constexpr size_t kLongestFailure = 300;
constexpr size_t kLongestName = 64;

std::string host_name() {
    std::array<char, 256> name = {};
    ::gethostname(name.data(), name.size() - 1);
    return name[0] == '\0' ? "head" : name.data();
}

/// Reads the report of a boot; an image of an earlier version names neither its release nor its boot.
NodeEvent event_from(const cJSON* report, const std::string& release, const std::string& written) {
    NodeEvent event{.kind = NodeEvent::Kind::report,
                    .release = first_line(text_at(report, "release"), kLongestName),
                    .boot_id = first_line(text_at(report, "boot_id"), kLongestName)};
    event.is_fallback = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(report, "fallback")) != 0;
    if (event.release.empty()) event.release = first_line(release, kLongestName);
    if (event.boot_id.empty()) event.boot_id = "report-" + digest_of_text(written).substr(0, 16);
    return event;
}

/// Nodes that no rollout has depend on none.
NodeState settled_after(const Records& records, const NodeState& node, const NodeEvent& event) {
    static const Rollout none;
    const Rollout* rollout = records.rollout_of(node);
    return on_event(node, event, {.rollout = rollout ? *rollout : none, .now = records.clock});
}

/// A boot that failed and still posts ends itself where nobody else does.
bool restarts_itself(const NodeState& node, const NodeEvent& event, const Rollout& rollout, Moment now) {
    constexpr int64_t kTimeOfOthers = 120;
    bool goes_back = node.state == State::reverting || (node.state == State::restarting && node.tries > 0);
    bool is_this_boot = !node.boots.empty() && node.boots.back() == event.boot_id;
    bool is_left_alone = rollout.policy.restart == "none" || now.wall - node.since >= kTimeOfOthers;
    // An operator may have resumed it, and then it has jobs.
    bool is_of_slurm = rollout.policy.drain == kSlurm;
    return goes_back && is_this_boot && is_left_alone && !is_of_slurm && !node.is_acted && !rollout.is_broken;
}

bool is_moving(const Records& records, const NodeState& node) {
    const Rollout* rollout = records.rollout_of(node);
    return !is_settled(node.state) || (rollout && !has_ended(*rollout));
}

} // namespace

Controller::Controller(std::string database, Meter* meter, std::vector<std::string> scontrol)
    : where_(std::move(database)), holder_(host_name()), meter_(meter),
      drivers_(where_, std::move(scontrol)) {}

Controller::~Controller() {
    stop();
}

void Controller::start() {
    auto run = [this] {
        auto begin = std::chrono::steady_clock::now();
        Result<> done = step();
        if (meter_)
            meter_->count_step(
                std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
        set_problem(done ? "" : describe(done.error()));
    };
    run();
    thread_ = std::jthread([run](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            std::this_thread::sleep_for(kPause);
            run();
        }
    });
}

void Controller::stop() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
}

std::string Controller::problem() const {
    std::shared_lock lock(served_mutex_);
    return problem_;
}

void Controller::set_problem(std::string problem) {
    std::lock_guard lock(served_mutex_);
    if (problem == problem_) return;
    if (!problem.empty()) log_warning("rollouts: ", problem, "; retrying");
    if (problem.empty()) log_notice("rollouts go on");
    problem_ = std::move(problem);
}

// The records.

void Controller::publish(const NodeState& node) {
    std::optional<std::string> release;
    if (!is_moving(records_, node)) release = node.committed;
    std::lock_guard lock(served_mutex_);
    served_[node.node] = std::move(release);
}

void Controller::publish_all() {
    std::unordered_map<std::string, std::optional<std::string>> served;
    for (const auto& [name, node] : records_.nodes)
        served[name] = is_moving(records_, node) ? std::nullopt : std::optional(node.committed);
    std::lock_guard lock(served_mutex_);
    served_ = std::move(served);
    is_known_ = true;
}

Result<> Controller::load() {
    if (!database_) database_ = TRY(open_database(where_));
    // The revision first: what changes meanwhile is seen next time.
    uint64_t revision = TRY(database_->revision());
    Records records = TRY(load_records(*database_), "reading the records of rollouts");
    if (is_loaded_)
        records.clock = {.up = std::max(records.clock.up, records_.clock.up), .wall = records_.clock.wall};
    records_ = std::move(records);
    revision_ = revision;
    is_loaded_ = true;
    publish_all();
    return {};
}

/// Takes in what others have written.
Result<> Controller::sync() {
    if (!is_loaded_) return load();
    if (TRY(database_->revision()) == revision_) return {};
    Result<std::vector<Change>> changes = database_->watch("", revision_, 0ms);
    if (!changes && changes.error().code == ENODATA) return load();
    bool is_changed = false;
    for (const Change& change : TRY(std::move(changes))) {
        bool is_news = TRY(take_in(records_, change));
        is_changed = is_changed || is_news;
        revision_ = std::max(revision_, change.revision);
    }
    if (is_changed) publish_all();
    return {};
}

/// Takes in at once what operators and other head nodes have written. While the database is away, the records
/// stay as they are.
Result<> Controller::refresh() {
    Result<> read = sync();
    return is_loaded_ ? Result<>() : read;
}

void Controller::advance_clock() {
    records_.clock = advance(records_.clock, std::time(nullptr));
}

/// After an error the records are as the database has them, as far as that can be read.
Result<> Controller::write(const RolloutStep& step) {
    Result<> written = commit(*database_, records_, step);
    if (!written) {
        bool is_stale = written.error().code == ESTALE;
        if (Result<> read = is_stale ? sync() : load(); !read) is_loaded_ = false;
        return written;
    }
    for (const NodeState& node : step.nodes)
        publish(node);
    if (!step.rollouts.empty()) publish_all();
    return {};
}

// Events of nodes.

std::optional<std::string> Controller::settled_release(const std::string& node) const {
    std::shared_lock lock(served_mutex_);
    if (!is_known_) return std::nullopt;
    auto found = served_.find(node);
    return found == served_.end() ? std::optional<std::string>("") : found->second;
}

void Controller::note_script(const std::string& node) {
    std::lock_guard lock(served_mutex_);
    if (served_.contains(node) && noted_.size() < kMostNoted)
        noted_.push_back({.node = node, .is_script = true});
}

void Controller::note_report(const std::string& node, const std::string& release, const std::string& report) {
    std::lock_guard lock(served_mutex_);
    if (served_.contains(node) && noted_.size() < kMostNoted)
        noted_.push_back({.node = node, .is_script = false, .release = release, .report = report});
}

/// With the records locked.
Result<NodeState> Controller::record(const std::string& name, const NodeEvent& event) {
    for (int tries = 1;; ++tries) {
        TRY(refresh());
        advance_clock();
        const NodeState* before = records_.find(name);
        if (!before) return NodeState{.node = name}; // it was removed meanwhile
        NodeState after = on_event(records_, name, event, records_.clock);
        if (*before == after) return after;
        bool is_news = before->state != after.state;
        Result<> written = write({.nodes = {after}});
        if (written) {
            if (is_news)
                log_notice("node ", name, ": ", name_of(after.state), after.reason.empty() ? "" : ": ",
                           after.reason);
            return after;
        }
        if (written.error().code != ESTALE || tries >= kTries) return std::unexpected(written.error());
    }
}

Result<std::string> Controller::on_script(const std::string& name, const IsPrepared& is_prepared) {
    std::lock_guard lock(mutex_);
    TRY(refresh());
    NodeEvent event{.kind = NodeEvent::Kind::script};
    if (auto failure = failures_.find(name); failure != failures_.end()) event.why = failure->second;
    advance_clock();
    std::string wanted = serve(on_event(records_, name, event, records_.clock));
    if (!is_prepared(wanted)) return wanted;
    std::string committed = records_.find(name) ? records_.find(name)->committed : "";
    Result<NodeState> after = record(name, event);
    if (after) {
        failures_.erase(name);
        return serve(*after);
    }
    log_warning("node ", name, ": recording that it boots: ", after.error().what,
                "; it boots what it is committed to");
    return committed;
}

Result<std::string> Controller::on_definition(const std::string& name, const std::string& release) {
    std::lock_guard lock(mutex_);
    if (!is_loaded_) TRY(load());
    if (release.empty()) {
        const NodeState* node = records_.find(name);
        return node ? serve(*node) : std::string();
    }
    TRY(record(name, {.kind = NodeEvent::Kind::definition, .release = release}));
    return release;
}

Result<> Controller::on_report(const std::string& name, const std::string& release,
                               const std::string& report) {
    Json json = TRY(parse_json(report, "the report"));
    std::lock_guard lock(mutex_);
    if (std::string failure = text_at(json.get(), "failure"); !failure.empty()) {
        failures_[name] = first_line(failure, kLongestFailure);
        return {};
    }
    TRY(record(name, event_from(json.get(), release, report)));
    return {};
}

Result<std::string> Controller::on_health(const std::string& name, const std::string& release,
                                          const std::string& posted) {
    std::lock_guard lock(mutex_);
    if (!is_loaded_) TRY(load());
    const NodeState* node = records_.find(name);
    const Rollout* rollout = node ? records_.rollout_of(*node) : nullptr;
    if (!rollout) return std::string();
    NodeEvent event = TRY(health_event(posted, rollout->policy));
    event.why = first_line(event.why, kLongestFailure);
    NodeState after = TRY(record(name, event));
    if (after.state == State::committed && after.committed == release) return "committed";
    return restarts_itself(after, event, *rollout, records_.clock) ? "restart" : "";
}

// The thread.

/// With the records locked.
Result<> Controller::record_noted() {
    std::vector<Noted> noted;
    {
        std::lock_guard lock(served_mutex_);
        noted.swap(noted_);
    }
    std::map<std::string, NodeState> changed;
    for (const Noted& one : noted) {
        const NodeState* known = records_.find(one.node);
        if (!known) continue;
        auto node = changed.try_emplace(one.node, *known).first;
        NodeEvent event{.kind = NodeEvent::Kind::script};
        if (!one.is_script) {
            Json json(cJSON_Parse(one.report.c_str()));
            if (!json || !text_at(json.get(), "failure").empty()) continue;
            event = event_from(json.get(), one.release, one.report);
        }
        node->second = settled_after(records_, node->second, event);
    }
    RolloutStep step;
    for (auto& [name, node] : changed)
        if (node != *records_.find(name)) step.nodes.push_back(std::move(node));
    return step.nodes.empty() ? Result<>() : write(step);
}

/// With the records locked.
Result<> Controller::record_done() {
    for (const auto& [action, event] : drivers_.done()) {
        // A late one is of an earlier boot.
        const NodeState* node = records_.find(action.node);
        if (!node || !is_awaited(*node, action, event)) continue;
        TRY(record(action.node, event), "recording an action for ", action.node);
    }
    return {};
}

bool Controller::is_idle() const {
    return std::ranges::all_of(records_.rollouts, [](const auto& entry) { return has_ended(entry.second); })
           && std::ranges::all_of(records_.nodes, [](const auto& entry) {
                  return is_settled(entry.second.state) && entry.second.drained_by.empty();
              });
}

/// Of several head nodes, one runs the rollouts.
Result<bool> Controller::is_leading() {
    auto now = std::chrono::steady_clock::now();
    if (leased_ != decltype(leased_)() && now - leased_ < kBetweenLeases) return true;
    if (!TRY(database_->take_lease(kLease, holder_, kLeaseDuration))) return false;
    TRY(write({})); // the clock
    leased_ = now;
    return true;
}

Result<> Controller::step() {
    std::vector<Action> actions;
    {
        std::lock_guard lock(mutex_);
        TRY(sync());
        advance_clock();
        TRY(record_noted());
        TRY(record_done());
        if (is_idle() || !TRY(is_leading())) return {};
        RolloutStep step = tick(records_, records_.clock);
        if (!step.nodes.empty() || !step.rollouts.empty()) {
            for (const Rollout& rollout : step.rollouts)
                log_notice("rollout ", rollout.id, ": ", status_name(rollout),
                           rollout.reason.empty() ? "" : ": ", rollout.reason);
            Result<> written = write(step);
            // It was changed meanwhile: decide again.
            if (!written && written.error().code == ESTALE) return {};
            TRY(std::move(written));
        }
        actions = std::move(step.actions);
    }
    drivers_.take(actions);
    return {};
}

} // namespace mangrove::head
