#include "head/daemon/worker.h"

#include <algorithm>

#include "base/log.h"
#include "head/host/files.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

using namespace std::chrono_literals;

/// Between two looks at the database and the directories.
constexpr auto kPause = 500ms;
/// A machine that shows its screen asks every few seconds.
constexpr auto kNotAgain = 60s;
/// More would be a machine that sends what it likes.
constexpr size_t kMostWaiting = 20'000;

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

} // namespace

Worker::Worker(Settings settings, Directories directories, Preparer preparer)
    : settings_(std::move(settings)), directories_(std::move(directories)), preparer_(std::move(preparer)) {}

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
    TRY(make_directories(settings_.state / "reports"));
    TRY(open());
    TRY(prepare());
    thread_ = std::jthread([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            run();
            std::this_thread::sleep_for(kPause);
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
        is_ours = is_ours || change.key.starts_with("node/") || change.key.starts_with("group/")
                  || change.key.starts_with("files/");
        revision_ = std::max(revision_, change.revision);
    }
    return is_ours;
}

Result<> Worker::prepare() {
    // The state first: what changes meanwhile is seen next time.
    std::string state = state_of(directories_, settings_.include);
    uint64_t revision = TRY(database_->revision());
    std::shared_ptr<const BootTable> table = TRY(preparer_.prepare(*database_));
    std::shared_ptr<const BootTable> before = table_.exchange(table);
    state_of_files_ = state;
    revision_ = revision;
    for (const std::string& problem : table->problems)
        if (!before || std::ranges::find(before->problems, problem) == before->problems.end())
            log_warning(problem);
    log_notice("serving ", table->nodes.size(), " nodes as of revision ", revision);
    return {};
}

/// Errors are logged once; what was served is served on.
void Worker::run() {
    Result<> done = open();
    Result<bool> changed = done ? has_changed() : std::unexpected(done.error());
    if (changed && *changed) done = prepare();
    if (!changed) done = std::unexpected(changed.error());
    set_problem(done ? "" : describe(done.error()));
    write_down();
}

void Worker::set_problem(std::string problem) {
    std::lock_guard lock(mutex_);
    if (problem == problem_) return;
    if (!problem.empty()) log_warning(problem, "; what was prepared before is served on");
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
    if (reports_.size() < kMostWaiting) reports_.insert_or_assign(std::move(node), std::move(report));
}

void Worker::write_down() {
    std::map<std::string, Discovered> seen;
    std::map<std::string, std::string> reports;
    {
        std::lock_guard lock(mutex_);
        seen.swap(seen_);
        reports.swap(reports_);
        auto old = std::chrono::steady_clock::now() - kNotAgain;
        std::erase_if(noted_, [&](const auto& noted) { return noted.second < old; });
    }
    for (const auto& [node, report] : reports)
        if (Result<> written = write_file(settings_.state / "reports" / (node + ".json"), report); !written)
            log_warning("the report of ", node, ": ", written.error().what);
    if (seen.empty() || !database_) return;
    std::vector<Discovered> machines;
    for (auto& [mac, machine] : seen)
        machines.push_back(std::move(machine));
    Result<Inventory> inventory = Inventory::load(*database_);
    if (!inventory) return;
    if (Result<> noted = note_discovered(*database_, *inventory, std::move(machines)); !noted)
        log_warning("noting machines that asked to boot: ", noted.error().what);
    if (Result<> accepted = accept_by_rules(*database_, settings_.accept); !accepted)
        log_warning("accepting machines that asked to boot: ", accepted.error().what);
}

} // namespace mangrove::head
