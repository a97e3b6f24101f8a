#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "head/host/files.h"
#include "head/host/lock.h"
#include "head/host/outcome.h"
#include "head/host/progress.h"
#include "head/publish/record.h"

namespace mangrove::head {

/// All records, a file each. A record says what is going to be done before it is done, so
/// that what a killed run left is known. One process at a time works with it.
class Journal {
  public:
    /// The file in its directory that the process which works with it has locked.
    static constexpr const char* kLock = "lock";

    /// The fate of a publish or an unpublish that was interrupted.
    enum class Interrupted { is_finished, stays };
    /// Waits until no other process has it (lock_records), and rolls back what one that was killed had begun;
    /// what nodes use, and what cannot be rolled back now, is warned of and stays recorded.
    static Result<Journal> open(const std::filesystem::path& directory, Host& host, Progress& progress,
                                std::chrono::seconds timeout = kLockTimeout,
                                Interrupted interrupted = Interrupted::is_finished);
    /// Only to read.
    static Result<std::vector<Record>> list(const std::filesystem::path& directory);

    /// Whether nodes can reach what the steps have made.
    using Check = std::function<Result<>(const Record& record)>;
    /// All steps, or none: what was done is rolled back when one fails, or the check. Other processes have
    /// the journal during a step that reads a large file; they leave this record alone.
    Outcome<> publish(Record record, const Check& check = {});
    /// Serves again what an interrupted unpublish left: the record. Nothing where there is none of that id,
    /// an error where it is published.
    Outcome<std::optional<Record>> take_up(const std::string& id, const Check& check = {});
    /// All of it, or nothing: what was taken away is served again when a server refuses.
    Outcome<> unpublish(Record record);
    /// Makes steps fit for a server that forgot them.
    using Renew = Result<> (*)(Host& host, std::vector<Step>& steps);
    enum class Restored { was_there, again };
    /// Does again what a server forgot when it was started anew. One that fails is still recorded, and can be
    /// restored or unpublished.
    Result<Restored> restore(Record record, Renew renew);
    /// By its id, or by the image's. None where opening the journal has taken all of it back.
    Result<std::vector<Record>> find(const std::string& reference) const;

  private:
    Journal(std::filesystem::path directory, UniqueFd lock, Host& host, Progress& progress)
        : directory_(std::move(directory)), lock_(std::move(lock)), host_(host), progress_(progress) {}

    Result<> recover(Interrupted interrupted);
    Result<> resume(Record& record);
    Result<bool> is_intact(const Record& record);
    Result<> do_steps(Record& record);
    Result<> write(const Record& record);
    Result<> forget(const Record& record);
    Result<bool> is_of_others(const Record& record, const Step& step) const;
    Result<> undo_one(const Record& record, const Step& step);
    /// The last step first.
    Result<> undo_steps(Record& record, Rollback& rollback);
    Result<> take_back(Record& record, Rollback& rollback);
    /// Where a step lets others have the journal, they see by this file that the record is in work.
    std::filesystem::path lock_of(const Record& record) const { return directory_ / (record.id + ".lock"); }
    Result<UniqueFd> lock_record(const Record& record);
    Result<> check_idle(const Record& record) const;
    Result<> do_one(const Step& step);

    std::filesystem::path directory_;
    UniqueFd lock_;
    Host& host_;
    Progress& progress_;
    std::vector<Record> recovered_;
};

} // namespace mangrove::head
