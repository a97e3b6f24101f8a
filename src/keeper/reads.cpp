#include "keeper/reads.h"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <map>
#include <utility>

#include "base/log.h"
#include "keeper/kernel_errors.h"
#include "keeper/state_file.h"
#include "machine/kernel_command_line.h"
#include "machine/run_files.h"
#include "verity/corruption.h"

namespace mangrove {

namespace {

constexpr seconds kPause{20};
/// How long the data must be bad before the machine is ended.
constexpr seconds kPatience{300};
/// Machines of one image do not all end in the same moment.
constexpr seconds kSpread{60};
/// For how long an error in the kernel's log is a problem.
constexpr seconds kErrorIsNews{600};
constexpr size_t kSamples = 32;

/// A page of a read-only file system, as it was when the machine started.
struct Sample {
    uint64_t number = 0;
    size_t hash = 0;
};

constexpr uint64_t kPageSize = 4096;

/// "sda"
std::string_view device_name(const Storage& storage) {
    return std::string_view(storage.path).substr(storage.path.rfind('/') + 1);
}

struct Page {
    uint64_t number = 0;
    std::string contents;
};

/// Reads a page of a disk, `number` modulo how many it has; with an export, asks its server. Waits for as
/// long as that is away.
Result<std::optional<Page>> read_page(System& system, const Storage& storage, uint64_t number) {
    // In the tree of the running system, which residents don't see.
    std::string path = "/proc/1/root" + storage.path;
    if (system.path_kind(path) == PathKind::directory) {
        TRY(system.ask_storage(path, std::chrono::hours(24)));
        return std::nullopt;
    }
    constexpr uint64_t kSector = 512;
    std::string sectors = TRY(system.read_file(text("/sys/class/block/", device_name(storage), "/size")));
    uint64_t pages = parse_number(trim(sectors)).value_or(0) * kSector / kPageSize;
    Page page = {.number = number % std::max<uint64_t>(pages, 1), .contents = {}};
    page.contents = TRY(system.read_part(path, page.number * kPageSize, kPageSize));
    // A disk that was taken away has no bytes any more.
    if (page.contents.empty()) return system_error(ENODEV, "reading ", storage.path);
    return page;
}

/// `mangrove.on_failure=` for a machine that runs; nothing where it is to go on.
std::optional<MachineEnd> end_of_failed_root(System& system) {
    Result<KernelCommandLine> command_line = read_kernel_command_line(system);
    std::string wanted = command_line ? command_line->value("mangrove.on_failure").value_or("") : "";
    if (wanted == "halt" || wanted == "shell") return std::nullopt;
    return wanted == "poweroff" ? MachineEnd::poweroff : MachineEnd::reboot;
}

/// By what those say that look after the connections (docs/keeper.md).
bool is_connection_lost(System& system) {
    Result<std::vector<std::string>> files = state_files(system, kConnectionPrefix);
    return !files || std::ranges::any_of(*files, [&](const std::string& path) {
        Result<ConnectionState> state = read_connection_state(system, path);
        return state ? state->now != "connected" : state.error().code != ENOENT;
    });
}

/// Returns the disks below a mapped one, with their numbers; also those below mapped ones below it.
std::map<std::string, std::string> disks_below(System& system, std::string_view device) {
    std::map<std::string, std::string> numbers;
    if (!device.starts_with("dm-")) return numbers;
    Result<std::vector<std::string>> names =
        system.list_directory(text("/sys/class/block/", device, "/slaves"));
    for (const std::string& name : names.value_or(std::vector<std::string>())) {
        if (Result<std::string> number = system.read_file(text("/sys/class/block/", name, "/dev")))
            numbers[name] = trim(*number);
        numbers.merge(disks_below(system, name));
    }
    return numbers;
}

std::string reason_of(const Error& error) {
    // The kernel's word for it (blk_errors in block/blk-core.c) says nothing to anybody.
    bool is_reserved = error.code == EBADE;
    return is_reserved ? error.what + ": reservation conflict, another initiator has reserved the disk"
                       : error.what;
}

class Reads {
  public:
    Reads(System& system, const Storage& storage, std::string state_path)
        : system_(system), storage_(storage),
          state_path_(std::move(state_path)), state_{.name = storage.name,
                                                     .since = system.now(),
                                                     .answered = system.now()},
          beyond_repair_since_(system.now()) {}

    void run(Deadline end) {
        Result<Bytes> random = system_.random_bytes(1);
        spread_ = kSpread * (random ? random->front() : 0) / 256;
        write_state();
        while (system_.now() < end && !has_ended_) {
            // The tree of the running system is on the move when this starts.
            system_.sleep(kPause);
            look();
        }
    }

  private:
    void look() {
        Result<std::string> problem = find_problem();
        if (!problem && problem.error().code == ETIMEDOUT) return;
        state_.answered = system_.now();
        std::string log = system_.kernel_log().value_or("");
        error_ = last_file_system_error(log, device_name(storage_));
        look_for_corruption(log);
        if (!problem)
            become("failing", reason_of(problem.error()));
        else if (!problem->empty())
            become("changed", *problem);
        else
            become("readable", "");
        write_state();
        if (is_beyond_hope()) end();
    }

    /// Nobody repairs the image under a node, so it stays a problem when the log has forgotten it.
    void look_for_corruption(std::string_view log) {
        for (const auto& [disk, number] : disks_below(system_, device_name(storage_)))
            if (std::optional<verity::Corruption> found = verity::last_corruption(log, number))
                corruption_ = text(verity::to_text(*found, "/dev/" + disk), " (the ", storage_.type, " on ",
                                   storage_.path, ")");
    }

    /// An error when a read fails; words when the data is not what it was; else nothing.
    Result<std::string> find_problem() {
        // A page that was bad is good again before others are looked at.
        if (bad_page_)
            if (std::string problem = TRY(read(*bad_page_)); !problem.empty()) return problem;
        bad_page_.reset();
        if (!samples_.empty()) {
            samples_.push_back(samples_.front());
            samples_.pop_front();
            if (std::string problem = TRY(read(samples_.back().number)); !problem.empty()) return problem;
        }
        // The superblock first.
        return read(std::exchange(has_begun_, true) ? random_number() : 0);
    }

    Result<std::string> read(uint64_t number) {
        bad_page_ = number;
        std::optional<Page> page = TRY(read_page(system_, storage_, number));
        if (page && storage_.is_read_only && !compare(*page))
            return text("the data at byte ", page->number * kPageSize,
                        " has changed since boot; the image was changed on its server");
        bad_page_.reset();
        return std::string();
    }

    bool compare(const Page& page) {
        size_t hash = std::hash<std::string>()(page.contents);
        auto known = std::ranges::find(samples_, page.number, &Sample::number);
        if (known != samples_.end()) return known->hash == hash;
        if (samples_.size() < kSamples) samples_.push_back({page.number, hash});
        return true;
    }

    uint64_t random_number() {
        uint64_t number = 0;
        if (Result<Bytes> random = system_.random_bytes(sizeof number); random)
            for (uint8_t byte : *random)
                number = number << 8 | byte;
        return number;
    }

    void become(const std::string& state, const std::string& reason) {
        if (state != "readable" && state_.now == "readable")
            log_line(LogLevel::error, text("the root's ", storage_.name, " is bad: ", reason));
        if (state == "readable" && state_.now != "readable")
            log_warning("the root's ", storage_.name, " is good again");
        bool was_good = state_.now == "readable";
        if ((state == "readable") != was_good) state_.since = system_.now();
        // Reads may be set to fail soon while a connection is lost, which somebody repairs.
        if (state == "readable" || is_connection_lost(system_)) beyond_repair_since_ = system_.now();
        state_.now = state;
        state_.reason = reason;
    }

    /// Nobody repairs it, and the running system has felt it.
    bool is_beyond_hope() const {
        bool is_bad = system_.now() - beyond_repair_since_ >= kPatience + spread_;
        return is_bad && error_ && (!error_->time || *error_->time >= beyond_repair_since_ - 2 * kPause);
    }

    void end() {
        std::optional<MachineEnd> end = end_of_failed_root(system_);
        if (!std::exchange(has_told_end_, true))
            log_line(LogLevel::error, text("the root's ", storage_.name, " has been bad for ",
                                           std::chrono::floor<seconds>(system_.now() - state_.since).count(),
                                           " s: ", state_.reason, "; ",
                                           !end                         ? "continuing (mangrove.on_failure=)"
                                           : *end == MachineEnd::reboot ? "restarting the machine"
                                                                        : "powering the machine off"));
        if (!end) return;
        system_.write_out();
        system_.end_machine(*end);
        has_ended_ = true;
    }

    void write_state() {
        bool is_news = error_ && (!error_->time || system_.now() - *error_->time < kErrorIsNews);
        state_.kernel_error = !corruption_.empty() ? corruption_ : is_news ? error_->text : "";
        write_state_file(system_, state_path_, state_);
    }

    System& system_;
    const Storage& storage_;
    std::string state_path_;
    ReadsState state_;
    Time beyond_repair_since_;
    std::optional<KernelError> error_;
    std::string corruption_; ///< that dm-verity found
    std::deque<Sample> samples_;
    std::optional<uint64_t> bad_page_; ///< the last read of which was no good
    Clock::duration spread_{0};
    bool has_begun_ = false;
    bool has_told_end_ = false;
    bool has_ended_ = false;
};

} // namespace

void watch_reads(System& system, const Storage& storage, const std::string& state_path, Deadline end) {
    Reads(system, storage, state_path).run(end);
}

} // namespace mangrove
