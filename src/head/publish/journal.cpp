#include "head/publish/journal.h"

#include <algorithm>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

#include "head/host/interruption.h"
#include "head/publish/serving.h"

namespace mangrove::head {

namespace fs = std::filesystem;

Result<std::vector<Record>> Journal::list(const fs::path& directory) {
    std::vector<Record> records;
    std::error_code problem;
    if (!fs::exists(directory, problem)) return records;
    for (fs::directory_iterator entry(directory, problem), end; !problem && entry != end;
         entry.increment(problem))
        if (entry->path().extension() == ".json") records.push_back(TRY(read_record(entry->path())));
    if (problem) return system_error(problem.value(), "reading ", directory.native());
    std::ranges::sort(records, {}, &Record::id);
    return records;
}

Result<Journal> Journal::open(const fs::path& directory, Host& host, Progress& progress,
                              std::chrono::seconds timeout, Interrupted interrupted) {
    constexpr std::string_view kOpening =
        "opening the records of what is served, which are root's (others: --publications, --targets)";
    TRY(make_directories(directory), kOpening);
    Journal journal(directory, TRY(lock_records(directory / kLock, timeout, progress), kOpening), host,
                    progress);
    // Definitions can hold secrets. The group is root's, or that of mangrove-head, which serves them.
    if (::chmod(directory.c_str(), 02750) != 0) return system_error(errno, "closing ", directory.native());
    TRY(journal.recover(interrupted));
    return journal;
}

/// "the unpublish of debian-0123456789ab.iscsi"
static std::string interrupted_work(const Record& record) {
    bool is_new = record.state == Record::State::publishing;
    return text(is_new ? "the publish of " : "the unpublish of ", record.id);
}

/// Why what was interrupted has to stay as it is; empty where it can be finished.
static std::string reason_to_stay(Host& host, const Record& record) {
    Result<std::vector<User>> users = users_of(host, record);
    if (!users) return describe(users.error());
    return users->empty() ? "" : to_text(*users);
}

Result<> Journal::recover(Interrupted interrupted) {
    for (Record& record : TRY(list(directory_))) {
        if (record.state == Record::State::published || record.state == Record::State::restoring) continue;
        if (is_locked(lock_of(record))) continue;
        std::string reason =
            interrupted == Interrupted::stays ? "nothing is rolled back here" : reason_to_stay(host_, record);
        if (!reason.empty()) {
            progress_.warn(text(interrupted_work(record), " was interrupted and is not finished: ", reason,
                                "; serve it again with mangrovectl publish, or end it with mangrovectl "
                                "unpublish"));
            continue;
        }
        progress_.note(text("finishing ", interrupted_work(record), ", which was interrupted: rolling back"));
        // A server that is down must not keep what others serve from being changed.
        Rollback rollback;
        if (Result<> undone = take_back(record, rollback); !undone)
            progress_.warn("rollback failed; the next run will retry: " + describe(undone.error()));
        else
            recovered_.push_back(record);
    }
    return {};
}

Result<> Journal::write(const Record& record) {
    return write_file(directory_ / (record.id + ".json"), indented_json(to_json(record).get()), 0640);
}

Result<> Journal::forget(const Record& record) {
    fs::path path = directory_ / (record.id + ".json");
    if (::unlink(path.c_str()) != 0) return system_error(errno, "removing ", path.native());
    ::unlink(signed_definition_path(directory_, record.id).c_str()); // most have none
    return {};
}

/// The record as it is on the disk.
static Result<std::optional<Record>> find_record(const fs::path& directory, const std::string& id) {
    for (Record& record : TRY(Journal::list(directory)))
        if (record.id == id) return std::move(record);
    return std::nullopt;
}

Result<UniqueFd> Journal::lock_record(const Record& record) {
    bool is_long = std::ranges::any_of(record.steps, [](const Step& step) { return !step.reads.empty(); });
    return is_long ? lock_records(lock_of(record), std::chrono::seconds(0), progress_) : UniqueFd();
}

Result<> Journal::check_idle(const Record& record) const {
    if (!is_locked(lock_of(record))) return {};
    return transient_error(record.id, ": another mangrovectl is publishing it; wait for its end: ",
                           lock_holder(lock_of(record)));
}

Outcome<std::optional<Record>> Journal::take_up(const std::string& id, const Check& check) {
    std::optional<Record> record = TRY(find_record(directory_, id));
    if (!record) return std::nullopt;
    TRY(check_idle(*record));
    if (record->state != Record::State::unpublishing)
        return permanent_error(id, " is already published; unpublish it first: mangrovectl unpublish ", id);
    TRY(resume(*record), "serving ", id, " again, whose unpublish was interrupted");
    if (check) TRY(check(*record));
    return record;
}

Outcome<> Journal::publish(Record record, const Check& check) {
    if (std::optional<Record> before = TRY(find_record(directory_, record.id))) {
        TRY(check_idle(*before));
        return permanent_error(record.id, " is already published; unpublish it first");
    }
    for (const Step& step : record.steps)
        TRY(check_step(host_, step));
    record.state = Record::State::publishing;
    UniqueFd own = TRY(lock_record(record));
    Result<> done = do_steps(record);
    if (done && check) done = check(record);
    if (!done) {
        Failed failed(std::move(done).error());
        if (take_back(record, failed.rollback) && Interruption::has_come())
            failed.error = {.what = "interrupted; rolled back", .permanence = Permanence::transient};
        return std::unexpected(std::move(failed));
    }
    record.state = Record::State::published;
    Result<> written = write(record);
    if (own.is_open()) ::unlink(lock_of(record).c_str());
    return written;
}

Result<> Journal::do_steps(Record& record) {
    for (const Step& step : record.steps) {
        if (Interruption::has_come()) return transient_error("interrupted");
        ++record.begun;
        TRY(write(record));
        TRY(do_one(step));
    }
    return {};
}

Result<> Journal::do_one(const Step& step) {
    if (step.reads.empty()) return do_step(host_, step);
    release_records(lock_);
    Result<> done = do_step(host_, step);
    TRY(lock_records_again(lock_));
    return done;
}

Result<bool> Journal::is_intact(const Record& record) {
    if (record.state != Record::State::published) return false;
    for (const Step& step : record.steps)
        if (!TRY(probe_applied(host_, step))) return false;
    return true;
}

Result<Journal::Restored> Journal::restore(Record record, Renew renew) {
    if (TRY(is_intact(record))) return Restored::was_there;
    if (std::vector<User> users = TRY(users_of(host_, record)); !users.empty()) {
        progress_.warn(text(record.id, " is not as it was published, and stays as it is: ", to_text(users)));
        return Restored::was_there;
    }
    record.state = Record::State::restoring;
    Rollback rollback;
    TRY(undo_steps(record, rollback));
    TRY(renew(host_, record.steps));
    TRY(do_steps(record));
    record.state = Record::State::published;
    TRY(write(record));
    return Restored::again;
}

/// Does the steps that are taken back. One that only adds to what an earlier step makes is left out as long
/// as that was never taken back.
Result<> Journal::resume(Record& record) {
    bool is_redone = false;
    // A run that was killed may have taken back one more than it recorded.
    size_t first = record.begun > 0 ? record.begun - 1 : 0;
    for (size_t i = first; i < record.steps.size(); ++i) {
        const Step& step = record.steps[i];
        bool can_be_seen =
            step.kind == Step::Kind::command ? !step.probe.empty() : step.kind != Step::Kind::attribute;
        bool was_taken_back = i >= record.begun && !step.undo_words.empty();
        bool is_needed = can_be_seen ? !TRY(probe_applied(host_, step)) : was_taken_back || is_redone;
        record.begun = std::max(record.begun, i + 1);
        TRY(write(record));
        if (is_needed) TRY(do_step(host_, step));
        is_redone = is_redone || is_needed;
    }
    record.state = Record::State::published;
    return write(record);
}

Outcome<> Journal::unpublish(Record record) {
    TRY(check_idle(record));
    record.state = Record::State::unpublishing;
    TRY(write(record));
    Rollback gone;
    Result<> undone = take_back(record, gone);
    if (undone) return {};
    Failed failed(std::move(undone).error());
    if (Result<> resumed = resume(record); !resumed)
        failed.rollback.remaining.push_back(
            text(record.id, " is partly unpublished; unpublish it again when the server answers: ",
                 describe(resumed.error())));
    else
        failed.rollback.undone.push_back(record.id + " is served again");
    return std::unexpected(std::move(failed));
}

Result<bool> Journal::is_of_others(const Record& record, const Step& step) const {
    if (step.scope != Step::Scope::shared) return false;
    std::vector<Record> others = TRY(list(directory_));
    std::erase_if(others, [&](const Record& other) { return other.id == record.id; });
    return has_step(others, step);
}

Result<> Journal::undo_one(const Record& record, const Step& step) {
    if (TRY(is_of_others(record, step))) return {};
    Result<> undone = undo_step(host_, step);
    bool only_tells = step.kind == Step::Kind::command && step.words.empty();
    // A server that could not be told of a file need not be told that the file is gone.
    if (!undone && only_tells && record.state == Record::State::publishing) {
        progress_.warn(text(undo_text(step), ": ", undone.error().what, "; ignoring"));
        return {};
    }
    TRY(std::move(undone), "rolling back: ", undo_text(step));
    return {};
}

Result<> Journal::undo_steps(Record& record, Rollback& rollback) {
    while (record.begun > 0) {
        const Step& step = record.steps[record.begun - 1];
        std::string undoing = undo_text(step);
        if (Result<> undone = undo_one(record, step); !undone) {
            rollback.remaining.push_back(
                text(undoing, ": ", undone.error().what, "; the next run will retry"));
            return undone;
        }
        if (!undoing.empty()) rollback.undone.push_back(undoing);
        --record.begun;
        TRY(write(record));
    }
    return {};
}

Result<> Journal::take_back(Record& record, Rollback& rollback) {
    TRY(undo_steps(record, rollback));
    ::unlink(lock_of(record).c_str());
    return forget(record);
}

Result<std::vector<Record>> Journal::find(const std::string& reference) const {
    std::vector<Record> all = TRY(list(directory_));
    std::vector<Record> found;
    std::vector<std::string> ids;
    for (Record& record : all) {
        ids.push_back(record.id);
        if (record.id == reference) return std::vector{record};
        if (record.image == reference) found.push_back(record);
    }
    bool was_recovered = std::ranges::any_of(recovered_, [&](const Record& record) {
        return record.id == reference || record.image == reference;
    });
    if (found.empty() && !was_recovered)
        return permanent_error("'", reference, "' is not published", did_you_mean(reference, ids));
    return found;
}

} // namespace mangrove::head
