#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lazy/cached_file.h"
#include "lazy/disk_cache.h"
#include "lazy/fill.h"
#include "lazy/source.h"
#include "machine/watched_connection.h"
#include "system/ranges.h"

namespace mangrove::lazy {

/// Gets the state whenever it has changed, and every few seconds.
using Tell = WatchedConnection::Tell;

/// The servers' side of a device: what is asked of which mirror, and what is known of them.
class Fetches {
  public:
    /// `loss_is_logged`: when all servers are lost, and when one is back.
    Fetches(System& system, const Source& source, SharedState& state, CachedFile& file, DiskCache& disk,
            const Fill& fill, bool loss_is_logged, const Tell& tell);

    /// Asks the disk and the servers for what the reads want, then for what is read ahead, and then for what
    /// the boot will read.
    void fetch_wanted(const std::vector<Read>& reads);
    /// Whether nothing is asked for, and a server could be asked.
    bool is_idle() const;
    void tell_state();
    /// Works on the requests until something has come, or the deadline is there. True if `woken_by` can be
    /// read.
    bool wait(const UniqueFd& woken_by, Deadline deadline);

  private:
    /// A request to a server.
    struct Fetch {
        size_t mirror = 0;
        uint64_t first = 0;
        uint64_t count = 0; ///< pieces
        Wanted wanted = {};
        Time since = {};
        std::string url = {};
        uint64_t received = 0;
        Judged judged = {};
        bool has_begun = false;
        bool is_check = false; ///< the mirror is not asked for parts before it has answered
        Question question = Question::none;
        std::string credential = {};
        Bytes body = {}; ///< of the answer to a question, or the beginning of the file there
        size_t dropped = 0;
    };

    bool is_missing(uint64_t piece) const { return file_.is_wanted(piece) && !disk_.has(piece); }
    void read_from_disk(const std::vector<Read>& reads);
    bool fetch_from(uint64_t piece, size_t most);
    bool is_checking() const;
    void renew_token(size_t mirror);
    bool start(Fetch fetch);
    void add_part(Fetch& fetch, RangeRequest& request);
    void set_pieces(const Fetch& fetch, uint64_t from, Slot::State state);
    bool take(Fetch& fetch, const RangeHead& head, ByteView bytes);
    void finish(const Ranges::End& end);
    bool is_overcome(Fetch& fetch, const RangeHead& head);
    void finish_question(const Fetch& fetch, const Ranges::End& end);
    void succeed(const Fetch& fetch);
    bool learn(const Fetch& fetch);
    void fail(const Fetch& fetch, const Error& error, seconds retry_after);
    void lose();
    void find_again();
    void become(const std::string& now);
    Deadline next_deadline() const;

    System& system_;
    const Source& source_;
    SharedState& state_;
    CachedFile& file_;
    DiskCache& disk_;
    const Fill& fill_;
    PieceCache& cache_;
    bool loss_is_logged_;
    const Tell& tell_;
    Mirrors mirrors_;
    std::map<uint64_t, Fetch> fetches_;
    std::unique_ptr<Ranges> ranges_; ///< ends before what its requests write to
    uint64_t fetch_number_ = 0;
    size_t server_ = 0; ///< that has answered last
    bool is_wanting_ = false;
    std::optional<Time> lost_since_;
    std::optional<Time> told_at_;
    ServedState told_;
    uint8_t spread_ = 0;
};

} // namespace mangrove::lazy
