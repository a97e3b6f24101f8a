#include "head/daemon/worker.h"

#include <algorithm>

#include "base/log.h"
#include "head/host/files.h"
#include "head/host/json.h"
#include "head/rollout/node_state.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

using namespace std::chrono_literals;

/// Between two looks at the database and the directories.
constexpr auto kPause = 500ms;
/// The same work is not tried again at once.
constexpr auto kPauseAfterProblem = 2s;
/// A machine that shows its screen asks every few seconds.
constexpr auto kNotAgain = 60s;
/// More would be a machine that sends what it likes.
constexpr size_t kMostWaiting = 20'000;
/// A whole error, with where it happened.
constexpr size_t kLongestFailure = 2000;

/// Changes when one of the directories gets, loses or replaces a file, or one that templates include changes.
std::string state_of(const Directories& directories, const fs::path& include) {
    std::string state = state_below(include);
    for (const fs::path& directory : {directories.images, directories.publications}) {
        std::error_code problem;
        auto changed = fs::last_write_time(directory, problem);
        state += text(" ", problem ? 0 : changed.time_since_epoch().count());
    }
    return state;
}

/// Whether the state of a node names a release that is not prepared for it.
bool needs_preparing(const Change& change, const BootTable& table) {
    if (!change.value) return true;
    Result<NodeState> state = node_state_from({change.key, *change.value, change.revision});
    if (!state) return true;
    const ServedNode* node = table.by_name(state->node);
    if (!node) return false;
    return node->release != state->committed
           || !std::ranges::all_of(releases_of(*state),
                                   [&](const std::string& release) { return node->boot_of(release); });
}

bool concerns_table(const Change& change, const BootTable& table) {
    if (change.key.starts_with("state/")) return needs_preparing(change, table);
    constexpr const char* kPrefixes[] = {"node/", "group/", "files/", "secret/", "release/", "signed/"};
    return std::ranges::any_of(kPrefixes, [&](const char* prefix) { return change.key.starts_with(prefix); });
}

/// Logs why the boot of a node failed. Returns whether the report says so.
bool log_failure(const std::string& node, const std::string& report) {
    Json json(cJSON_Parse(report.c_str()));
    std::string failure = text_at(json.get(), "failure");
    std::ranges::replace(failure, '\n', ' ');
    failure = first_line(failure, kLongestFailure);
    if (!failure.empty()) log_warning("node ", node, ": boot failed: ", failure);
    return !failure.empty();
}

} // namespace

Worker::Worker(Settings settings, Directories directories, Preparer preparer, BootReports& reports,
               const BootProfiles& profiles, Meter& meter)
    : settings_(std::move(settings)), directories_(std::move(directories)), preparer_(std::move(preparer)),
      kept_reports_(reports), kept_profiles_(profiles), meter_(meter) {}

Worker::~Worker() {
    stop();
}

void Worker::stop() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
    write_down();
}

Result<> Worker::open() {
    if (!database_) database_ = TRY(open_database(directories_.database));
    return {};
}

Result<> Worker::start() {
    TRY(kept_reports_.open());
    auto nothing = std::make_shared<BootTable>();
    nothing->is_prepared = false;
    table_ = std::move(nothing);
    run();
    thread_ = std::jthread([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            run();
            std::this_thread::sleep_for(problem().empty() ? kPause : kPauseAfterProblem);
        }
    });
    return {};
}

Result<bool> Worker::has_changed() {
    if (state_of(directories_, settings_.include) != state_of_files_) return true;
    if (TRY(database_->revision()) == revision_) return false;
    Result<std::vector<Change>> changes = database_->watch("", revision_, 0ms);
    if (!changes && changes.error().code == ENODATA) return true;
    bool is_ours = false;
    for (const Change& change : TRY(std::move(changes))) {
        is_ours = is_ours || concerns_table(change, *table());
        revision_ = std::max(revision_, change.revision);
    }
    return is_ours;
}

Result<> Worker::prepare() {
    // The state first: what changes meanwhile is seen next time.
    std::string state = state_of(directories_, settings_.include);
    uint64_t revision = TRY(database_->revision());
    auto begin = std::chrono::steady_clock::now();
    std::shared_ptr<const BootTable> table = TRY(preparer_.prepare(*database_));
    meter_.count_preparation(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
                             table->rendered);
    std::shared_ptr<const BootTable> before = table_.load();
    if (!table->unfinished.empty() && before->is_prepared && before->unfinished.empty())
        return transient_error(table->unfinished);
    table_ = table;
    if (!table->unfinished.empty()) return transient_error(table->unfinished);
    state_of_files_ = state;
    revision_ = revision;
    for (const std::string& problem : table->problems)
        if (std::ranges::find(before->problems, problem) == before->problems.end()) log_warning(problem);
    auto is_node = [&](const std::string& node) { return table->by_name(node) != nullptr; };
    if (!table->nodes.empty()) {
        kept_reports_.keep_nodes(is_node);
        kept_profiles_.keep_nodes(is_node);
    }
    log_notice("serving ", table->nodes.size(), " nodes as of revision ", revision);
    return {};
}

Result<> Worker::update() {
    TRY(open());
    if (TRY(has_changed())) TRY(prepare());
    return {};
}

/// Errors are logged once; what was served is served on.
void Worker::run() {
    Result<> updated = update();
    set_problem(updated ? "" : updated.error().what);
    write_down();
}

void Worker::set_problem(std::string problem) {
    std::lock_guard lock(mutex_);
    if (problem == problem_) return;
    if (!problem.empty())
        log_warning(problem, table()->is_prepared ? "; what was prepared before is served on"
                                                  : "; nodes have to wait");
    problem_ = std::move(problem);
}

std::string Worker::problem() const {
    std::lock_guard lock(mutex_);
    return problem_;
}

void Worker::note(Discovered machine) {
    std::lock_guard lock(mutex_);
    if (noted_.size() >= kMostWaiting) return;
    if (noted_.try_emplace(machine.mac, std::chrono::steady_clock::now()).second)
        seen_.insert_or_assign(machine.mac, std::move(machine));
}

void Worker::keep_report(std::string node, std::string report) {
    std::lock_guard lock(mutex_);
    if (reports_.size() >= kMostWaiting) return;
    // While they cannot be written, of each node the first ones go.
    if (auto first = reports_.find(node); reports_.count(node) >= BootReports::kMostOfNode)
        reports_.erase(first);
    reports_.emplace(std::move(node), std::move(report));
}

/// Keeps what cannot be written now for the next time, unless something newer has come.
void Worker::write_down() {
    std::map<std::string, Discovered> seen;
    std::multimap<std::string, std::string> reports;
    {
        std::lock_guard lock(mutex_);
        seen.swap(seen_);
        reports.swap(reports_);
        auto old = std::chrono::steady_clock::now() - kNotAgain;
        std::erase_if(noted_, [&](const auto& noted) { return noted.second < old; });
    }
    Result<> written = write_reports(reports);
    Result<> noted = write_seen(seen);
    if (noted) seen.clear();
    if (written) written = std::move(noted);
    if (!written && can_write_)
        log_warning(written.error().what, "; reports and machines that ask are kept in memory");
    if (written && !can_write_) log_notice("reports and machines that asked are written again");
    can_write_ = written.has_value();
    std::lock_guard lock(mutex_);
    seen_.merge(seen);
    // Before those that came meanwhile.
    for (auto one = reports.rbegin(); one != reports.rend(); ++one)
        reports_.emplace_hint(reports_.lower_bound(one->first), one->first, std::move(one->second));
}

/// Removes from `reports` what is written.
Result<> Worker::write_reports(std::multimap<std::string, std::string>& reports) {
    while (!reports.empty()) {
        const auto& [node, report] = *reports.begin();
        Result<> kept = kept_reports_.keep(node, report);
        if (!kept && report.size() <= BootReports::kMostBytes) return kept;
        if (!kept) log_warning(kept.error().what);
        meter_.count_report(log_failure(node, report));
        reports.erase(reports.begin());
    }
    return {};
}

Result<> Worker::write_seen(const std::map<std::string, Discovered>& seen) {
    if (seen.empty()) return {};
    TRY(open());
    Inventory inventory = TRY(Inventory::load(*database_));
    std::vector<Discovered> machines;
    for (const auto& [mac, machine] : seen)
        machines.push_back(machine);
    TRY(note_discovered(*database_, inventory, std::move(machines)), "noting machines that asked to boot");
    Result<> accepted = accept_by_rules(*database_, settings_.accept);
    if (!accepted && accepted.error().is_transient()) return accepted;
    if (!accepted) log_warning("accepting machines that asked to boot: ", accepted.error().what);
    return {};
}

} // namespace mangrove::head
