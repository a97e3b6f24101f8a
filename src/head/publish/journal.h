#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "head/host/files.h"
#include "head/host/lock.h"
#include "head/host/step.h"

namespace mangrove::head {

/// One image over one transport, or a target or one of its LUNs (target.h), as it is recorded.
struct Record {
    enum class State { publishing, published, unpublishing, restoring };

    std::string id;         ///< "debian-0123456789ab.iscsi"
    std::string image;      ///< the image's id; of a LUN, the target's
    std::string over;       ///< "iscsi"
    std::string server;     ///< "tgt"
    std::string definition; ///< JSON; of a target or a LUN, what was asked for
    std::vector<Step> steps;
    State state = State::publishing;
    size_t begun = 0; ///< so many of the steps were begun, and not taken back
};

/// Whether one of the records has this step, too, and did not take it back.
bool has_step(const std::vector<Record>& records, const Step& step);

/// All records, a file each. A record says what is going to be done before it is done, so
/// that what a killed run left is known. One process at a time works with it.
class Journal {
  public:
    /// The file in its directory that the process which works with it has locked.
    static constexpr const char* kLock = "lock";

    /// What becomes of a publish or an unpublish that was interrupted.
    enum class Interrupted { is_finished, stays };
    /// Waits until no other process has it (lock_records), and rolls back what one that was killed had begun;
    /// what nodes use, and what cannot be rolled back now, is warned of and stays recorded.
    static Result<Journal> open(const std::filesystem::path& directory, Host& host,
                                std::chrono::seconds timeout = kLockTimeout,
                                Interrupted interrupted = Interrupted::is_finished);
    /// Only to read.
    static Result<std::vector<Record>> list(const std::filesystem::path& directory);

    /// Whether nodes can reach what the steps have made.
    using Check = std::function<Result<>(const Record& record)>;
    /// All steps, or none: what was done is rolled back when one fails, or the check.
    Result<> publish(Record record, const Check& check = {});
    /// Serves again what an interrupted unpublish left: the record. Nothing where there is none of that id,
    /// an error where it is published.
    Result<std::optional<Record>> take_up(const std::string& id, const Check& check = {});
    /// All of it, or nothing: what was taken away is served again when a server refuses.
    Result<> unpublish(Record record);
    /// Makes steps fit for a server that forgot them.
    using Renew = Result<> (*)(Host& host, std::vector<Step>& steps);
    enum class Restored { was_there, again };
    /// Does again what a server forgot when it was started anew. One that fails is still recorded, and can be
    /// restored or unpublished.
    Result<Restored> restore(Record record, Renew renew);
    /// By its id, or by the image's. None where opening the journal has taken all of it back.
    Result<std::vector<Record>> find(const std::string& reference) const;

  private:
    Journal(std::filesystem::path directory, UniqueFd lock, Host& host)
        : directory_(std::move(directory)), lock_(std::move(lock)), host_(host) {}

    Result<> recover(Interrupted interrupted);
    Result<> resume(Record& record);
    Result<bool> is_intact(const Record& record);
    Result<> do_steps(Record& record);
    Result<> write(const Record& record);
    Result<> forget(const Record& record);
    Result<bool> is_of_others(const Record& record, const Step& step) const;
    Result<> undo_one(const Record& record, const Step& step);
    /// The last step first.
    Result<> undo_steps(Record& record);
    Result<> take_back(Record& record);

    std::filesystem::path directory_;
    UniqueFd lock_;
    Host& host_;
    std::vector<Record> recovered_;
};

std::string_view state_name(Record::State state);

} // namespace mangrove::head
