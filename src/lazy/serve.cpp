#include "lazy/serve.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "base/log.h"
#include "lazy/kernel_requests.h"
#include "lazy/piece_cache.h"
#include "lazy/readahead.h"
#include "system/downloads.h"

namespace mangrove::lazy {

namespace {

constexpr seconds kPatienceInAssembly{10};
constexpr seconds kPatienceBesideOthers{4}; ///< with a mirror, when there are further ones
constexpr seconds kTimeToTransmit{60};
constexpr seconds kTellEvery{5};
constexpr size_t kMostFetches = 6;
constexpr size_t kMostReadaheads = 3; ///< of them
constexpr size_t kLongestFetch = 64;  ///< pieces

/// A read of the kernel's, whose place in the shared memory is `number`.
struct Read {
    size_t number = 0;
    uint64_t first = 0;
    uint64_t count = 0; ///< pieces
    Time since = {};
    bool is_admitted = false; ///< all its pieces are held
};

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
    bool is_check = false; ///< of a mirror that was not asked before
    Bytes beginning = {};  ///< of the file there
};

class Server {
  public:
    Server(System& system, const Source& source, const SharedMemory& memory, const UniqueFd& connection,
           uint32_t generation, Phase phase, const Tell& tell)
        : system_(system), source_(source), state_(memory.state()), connection_(connection),
          generation_(generation), phase_(phase), tell_(tell), cache_(memory, source.pieces()),
          mirrors_(source.urls), ranges_(system.downloads().open_ranges()) {
        told_.since = system.now();
        if (Result<Bytes> random = system.random_bytes(1); random) spread_ = random->front();
        take_over_reads();
    }

    ServingEnd run() {
        for (;;) {
            do
                admit();
            while (answer_ready());
            fail_overdue();
            fetch_wanted();
            tell_state();
            if (end_) return *end_;
            std::vector<Ranges::End> ends;
            bool is_asked = ranges_->wait(&connection_, next_deadline(), ends);
            for (Ranges::End& end : ends)
                finish(end);
            if (is_asked) take_request();
        }
    }

  private:
    // The kernel's side.

    /// Begins to touch the connection, unless it is another process's by now: then this one ends.
    bool enter() {
        state_.is_busy = 1;
        if (state_.generation == generation_) return true;
        state_.is_busy = 0;
        end_ = ServingEnd::taken_over;
        return false;
    }
    void leave() { state_.is_busy = 0; }

    void take_over_reads() {
        for (size_t number = 0; number < state_.pending.size(); ++number)
            if (state_.pending[number].length != 0) add_read(number);
        std::ranges::sort(reads_, {}, [&](const Read& read) { return state_.pending[read.number].order; });
        if (!reads_.empty()) order_ = state_.pending[reads_.back().number].order;
    }

    void add_read(size_t number) {
        const PendingRead& pending = state_.pending[number];
        uint64_t first = pending.offset / kPieceSize;
        uint64_t last = (pending.offset + pending.length - 1) / kPieceSize;
        reads_.push_back(
            {.number = number, .first = first, .count = last - first + 1, .since = system_.now()});
    }

    void take_request() {
        if (!enter()) return;
        Result<Bytes> bytes =
            system_.network().receive(connection_, kRequestSize, system_.now() + kTimeToTransmit);
        std::optional<KernelRequest> request = bytes ? parse_request(*bytes) : std::nullopt;
        if (!bytes && bytes.error().code == ECONNRESET)
            end_ = ServingEnd::let_go;
        else if (!request)
            end_ = ServingEnd::broken;
        else
            handle(*request);
        leave();
    }

    void handle(const KernelRequest& request) {
        switch (request.command) {
        case KernelRequest::Command::disconnect:
            end_ = ServingEnd::let_go;
            return;
        case KernelRequest::Command::read:
            handle_read(request);
            return;
        case KernelRequest::Command::write:
            static_cast<void>(system_.network()
                                  .receive(connection_, request.length, system_.now() + kTimeToTransmit)
                                  .has_value());
            break;
        }
        send(reply_head(request.cookie, KernelError::not_permitted));
    }

    void handle_read(const KernelRequest& request) {
        forget_earlier(request);
        uint64_t size = source_.device_size();
        auto* place = std::ranges::find(state_.pending, 0U, &PendingRead::length);
        bool is_valid = request.length > 0 && request.offset < size && request.length <= size - request.offset
                        && request.length <= kLongestFetch * kPieceSize;
        if (!is_valid || place == state_.pending.end())
            return send(reply_head(request.cookie, KernelError::invalid));
        place->cookie = request.cookie;
        place->offset = request.offset;
        place->connection = state_.connection;
        place->is_begun = false;
        place->order = ++order_;
        place->length = request.length;
        add_read(static_cast<size_t>(place - state_.pending.begin()));
    }

    /// Forgets a read that the kernel asks for again over another connection, for it takes no answer to the
    /// earlier request. Should that have been another read of the same place, the kernel asks again for it,
    /// too.
    void forget_earlier(const KernelRequest& request) {
        std::erase_if(reads_, [&](const Read& read) {
            const PendingRead& earlier = state_.pending[read.number];
            bool is_same = earlier.connection != state_.connection && earlier.offset == request.offset
                           && earlier.length == request.length;
            if (is_same) forget(read);
            return is_same;
        });
    }

    void send(ByteView bytes) {
        Result<> sent = system_.network().send(connection_, bytes, system_.now() + kTimeToTransmit);
        if (!sent) end_ = sent.error().code == ECONNRESET ? ServingEnd::let_go : ServingEnd::broken;
    }

    bool is_whole(const Read& read) const {
        for (uint64_t piece = read.first; piece < read.first + read.count; ++piece)
            if (cache_.state_of(piece) != Slot::State::whole) return false;
        return true;
    }

    /// True if some were, so that there is room for others.
    bool answer_ready() {
        return std::erase_if(reads_,
                             [&](const Read& read) {
                                 if (end_ || !read.is_admitted || !is_whole(read) || !enter()) return false;
                                 answer(read);
                                 bool is_begun = state_.pending[read.number].is_begun;
                                 if (is_begun) forget(read);
                                 leave();
                                 return is_begun;
                             })
               > 0;
    }

    void answer(const Read& read) {
        PendingRead& pending = state_.pending[read.number];
        pending.is_begun = true;
        send(reply_head(pending.cookie, KernelError::none));
        if (end_) pending.is_begun = false;
        uint64_t at = pending.offset;
        uint64_t end = pending.offset + pending.length;
        while (at < end && !end_) {
            uint64_t inside = at % kPieceSize;
            uint64_t length = std::min(kPieceSize - inside, end - at);
            send({cache_.contents(at / kPieceSize) + inside, length});
            at += length;
        }
    }

    void forget(const Read& read) {
        state_.pending[read.number].length = 0;
        for (uint64_t piece = read.first; read.is_admitted && piece < read.first + read.count; ++piece)
            cache_.let_go(piece);
    }

    void fail_overdue() {
        if (phase_ != Phase::assembly) return;
        Time now = system_.now();
        std::erase_if(reads_, [&](const Read& read) {
            if (now - read.since < kPatienceInAssembly || end_ || !enter()) return false;
            state_.has_failed = 1;
            send(reply_head(state_.pending[read.number].cookie, KernelError::io));
            forget(read);
            leave();
            return true;
        });
    }

    // The cache's side.

    /// In their order, each with all that it needs, so that none waits for a place that another one holds.
    void admit() {
        for (Read& read : reads_) {
            if (read.is_admitted) continue;
            if (!has_room(read)) return;
            for (uint64_t piece = read.first; piece < read.first + read.count; ++piece)
                if (cache_.state_of(piece) != Slot::State::empty) hold(piece);
            for (uint64_t piece = read.first; piece < read.first + read.count; ++piece)
                if (cache_.state_of(piece) == Slot::State::empty && cache_.want(piece)) cache_.hold(piece);
            read.is_admitted = true;
            read_ahead(read);
        }
    }

    void hold(uint64_t piece) {
        if (cache_.state_of(piece) == Slot::State::whole) ++state_.hits;
        cache_.hold(piece);
    }

    bool has_room(const Read& read) {
        size_t needed = 0;
        for (uint64_t piece = read.first; piece < read.first + read.count; ++piece) {
            Slot::State state = cache_.state_of(piece);
            bool is_taken =
                state == Slot::State::coming || (state != Slot::State::empty && cache_.is_held(piece));
            needed += is_taken ? 0 : 1;
        }
        if (!cache_.has_room(needed)) return false;
        state_.pieces += read.count;
        return true;
    }

    void read_ahead(const Read& read) {
        uint64_t window = readahead_.after(read.first, read.count);
        uint64_t begin = read.first + read.count;
        uint64_t end = std::min(begin + window, source_.pieces());
        for (uint64_t piece = begin; piece < end; ++piece) {
            if (cache_.state_of(piece) != Slot::State::empty) continue;
            // Half of the cache is for what is asked for.
            if (!cache_.has_room(half_of_cache()) || !cache_.want(piece)) return;
            ahead_.push_back(piece);
        }
    }
    size_t half_of_cache() const { return state_.slots / 2; }

    // The servers' side.

    bool is_wanted(uint64_t piece) const {
        return piece < source_.pieces() && cache_.state_of(piece) == Slot::State::wanted;
    }

    void fetch_wanted() {
        is_wanting_ = false;
        for (const Read& read : reads_)
            for (uint64_t piece = read.first; read.is_admitted && piece < read.first + read.count; ++piece)
                if (is_wanted(piece) && !fetch_from(piece, kMostFetches)) return;
        while (!ahead_.empty()) {
            if (is_wanted(ahead_.front()) && !fetch_from(ahead_.front(), kMostReadaheads)) return;
            ahead_.erase(ahead_.begin());
        }
    }

    /// Asks for a piece and those after it that are wanted, too. False when it has to wait.
    bool fetch_from(uint64_t piece, size_t most) {
        is_wanting_ = true;
        while (fetches_.size() < most) {
            std::optional<size_t> mirror = mirrors_.choose(system_.now());
            if (!mirror) {
                if (!is_checking()) lose();
                return false;
            }
            bool is_known = state_.mirrors[*mirror].is_known;
            Fetch fetch = {.mirror = *mirror, .first = piece, .count = 1, .is_check = !is_known};
            if (!is_known) fetch.first = 0;
            while (is_known && fetch.count < kLongestFetch && is_wanted(piece + fetch.count))
                ++fetch.count;
            if (start(std::move(fetch)) && is_known) return true;
        }
        return false;
    }

    bool is_checking() const {
        return std::ranges::any_of(fetches_, [](const auto& fetch) { return fetch.second.is_check; });
    }

    bool start(Fetch fetch) {
        size_t mirror = fetch.mirror;
        Result<RangeRequest> request = request_to(system_, source_, mirrors_, mirror);
        if (!request) {
            fail(mirror, request.error().what, seconds(0));
            return false;
        }
        std::string version = state_.mirrors[mirror].version.data();
        uint64_t offset = fetch.first * kPieceSize;
        fetch.wanted = {.offset = offset,
                        .length = std::min(fetch.count * kPieceSize, source_.size - offset),
                        .size = source_.size,
                        .version = version};
        fetch.since = system_.now();
        fetch.url = request->url;
        request->offset = offset;
        request->length = fetch.wanted.length;
        request->version = condition_of(version);
        if (mirrors_.size() > 1) {
            request->patience = kPatienceBesideOthers;
            request->connect_patience = kPatienceBesideOthers;
        }
        uint64_t number = ++fetch_number_;
        mirrors_[mirror].is_checked = fetch.is_check;
        Fetch& kept = fetches_[number] = std::move(fetch);
        set_pieces(kept, 0, Slot::State::coming);
        ++state_.requests;
        Result<> started =
            ranges_->start(number, *request, [this, &kept](const RangeHead& head, ByteView piece) {
                return take(kept, head, piece);
            });
        if (started) return true;
        finish({.number = number, .error = started.error()});
        return false;
    }

    /// From the piece `from` of the fetch on; what nobody holds is not wanted any more.
    void set_pieces(const Fetch& fetch, uint64_t from, Slot::State state) {
        if (fetch.is_check) return;
        for (uint64_t piece = fetch.first + from; piece < fetch.first + fetch.count; ++piece) {
            bool is_of_no_use = state == Slot::State::wanted && !cache_.is_held(piece);
            cache_.set_state(piece, is_of_no_use ? Slot::State::empty : state);
        }
    }

    bool take(Fetch& fetch, const RangeHead& head, ByteView bytes) {
        if (!std::exchange(fetch.has_begun, true)) fetch.judged = judge(head, fetch.wanted);
        if (fetch.judged.verdict != Verdict::good) return false;
        if (bytes.size() > fetch.judged.length - fetch.received) {
            fetch.judged = {.reason = "the server sent more than Content-Range says"};
            return false;
        }
        state_.bytes += bytes.size();
        if (fetch.is_check) {
            fetch.beginning.insert(fetch.beginning.end(), bytes.begin(), bytes.end());
            fetch.received += bytes.size();
            return true;
        }
        while (!bytes.empty()) {
            uint64_t inside = fetch.received % kPieceSize;
            uint64_t piece = fetch.first + fetch.received / kPieceSize;
            size_t length = std::min<uint64_t>(kPieceSize - inside, bytes.size());
            std::ranges::copy(bytes.first(length), cache_.contents(piece) + inside);
            fetch.received += length;
            bytes = bytes.subspan(length);
            bool is_last = fetch.received == fetch.judged.length;
            if (fetch.received % kPieceSize != 0 && !is_last) continue;
            if (is_last && fetch.received % kPieceSize != 0)
                std::fill(cache_.contents(piece) + fetch.received % kPieceSize,
                          cache_.contents(piece) + kPieceSize, uint8_t{0});
            cache_.set_state(piece, Slot::State::whole);
        }
        return true;
    }

    void finish(const Ranges::End& end) {
        auto found = fetches_.find(end.number);
        if (found == fetches_.end()) return;
        Fetch fetch = std::move(found->second);
        fetches_.erase(found);
        if (fetch.is_check) mirrors_[fetch.mirror].is_checked = false;
        if (!std::exchange(fetch.has_begun, true) && !end.error) fetch.judged = judge(end.head, fetch.wanted);
        bool is_good =
            !end.error && fetch.judged.verdict == Verdict::good && fetch.received == fetch.judged.length;
        if (is_good) return succeed(fetch);
        set_pieces(fetch, fetch.received / kPieceSize, Slot::State::wanted);
        if (end.error) return fail(fetch.mirror, end.error->what, seconds(0));
        switch (fetch.judged.verdict) {
        case Verdict::good:
            return fail(fetch.mirror, "the server sent less than Content-Range says", seconds(0));
        case Verdict::changed:
            mirrors_[fetch.mirror].is_changed = true;
            break;
        case Verdict::redirect:
            // Requests that were under way together are redirected together.
            if (mirrors_[fetch.mirror].now.to_text() != fetch.url) return;
            if (Result<> followed = mirrors_.follow(fetch.mirror, end.head.redirect); !followed)
                fail(fetch.mirror, followed.error().what, seconds(0));
            return;
        case Verdict::away:
        case Verdict::refused:
            break;
        }
        fail(fetch.mirror, fetch.judged.reason, end.head.retry_after);
    }

    void succeed(const Fetch& fetch) {
        if (fetch.is_check && !learn(fetch)) {
            mirrors_[fetch.mirror].is_changed = true;
            return fail(fetch.mirror, "the file there is another one", seconds(0));
        }
        mirrors_.succeeded(fetch.mirror);
        if (std::exchange(server_, fetch.mirror) != fetch.mirror) told_at_.reset();
        auto took = std::chrono::ceil<milliseconds>(system_.now() - fetch.since);
        state_.slowest = std::max(state_.slowest, static_cast<uint64_t>(took.count()));
        find_again();
    }

    /// Takes a mirror for one of the file that begins as the one that is known.
    bool learn(const Fetch& fetch) {
        if (!std::ranges::equal(fetch.beginning, ByteView(state_.beginning).first(fetch.beginning.size())))
            return false;
        MirrorMemory& known = state_.mirrors[fetch.mirror];
        std::ranges::copy(fetch.judged.version, known.version.begin());
        known.is_known = true;
        return true;
    }

    void fail(size_t mirror, std::string reason, seconds retry_after) {
        mirrors_.failed(mirror, std::move(reason), system_.now(), retry_after, spread_);
    }

    // The state.

    void lose() {
        std::string now = mirrors_.are_all_changed() ? "changed" : "lost";
        told_.reason = mirrors_.reason();
        if (lost_since_ && told_.now == now) return;
        if (!lost_since_) {
            lost_since_ = system_.now();
            ++state_.losses;
        }
        become(now);
        if (phase_ == Phase::root)
            log_warning("the ", source_.name(), " is lost: ", told_.reason, "; waiting for it");
    }

    void find_again() {
        if (!lost_since_) return;
        Clock::duration lasted = system_.now() - *std::exchange(lost_since_, std::nullopt);
        auto milli = static_cast<uint64_t>(std::chrono::ceil<milliseconds>(lasted).count());
        state_.longest_loss = std::max(state_.longest_loss, milli);
        become("connected");
        if (phase_ == Phase::root)
            log_warning("the ", source_.name(), " is back after ", std::chrono::ceil<seconds>(lasted).count(),
                        " s");
    }

    void become(const std::string& now) {
        told_.now = now;
        told_.since = system_.now();
        told_at_.reset();
    }

    void tell_state() {
        if (told_at_ && system_.now() - *told_at_ < kTellEvery) return;
        told_at_ = system_.now();
        told_.losses = state_.losses;
        told_.longest_loss = milliseconds(state_.longest_loss);
        if (lost_since_) told_.longest_loss = std::max(told_.longest_loss, system_.now() - *lost_since_);
        told_.requests = state_.requests;
        told_.bytes = state_.bytes;
        told_.reads = state_.pieces;
        told_.hits = state_.hits;
        told_.slowest = milliseconds(state_.slowest);
        told_.server = mirrors_[server_].now.shown();
        tell_(told_);
    }

    Deadline next_deadline() const {
        Deadline deadline = system_.now() + kTellEvery;
        if (is_wanting_ && lost_since_) deadline = std::min(deadline, mirrors_.next_resumption());
        if (phase_ == Phase::assembly && !reads_.empty())
            deadline = std::min(deadline, reads_.front().since + kPatienceInAssembly);
        return deadline;
    }

    System& system_;
    const Source& source_;
    SharedState& state_;
    const UniqueFd& connection_;
    uint32_t generation_;
    Phase phase_;
    const Tell& tell_;
    PieceCache cache_;
    Mirrors mirrors_;
    Readahead readahead_;
    std::vector<Read> reads_;     ///< in the order in which the kernel asked
    std::vector<uint64_t> ahead_; ///< pieces that nobody has asked for yet
    std::map<uint64_t, Fetch> fetches_;
    std::unique_ptr<Ranges> ranges_; ///< ends before what its requests write to
    uint64_t fetch_number_ = 0;
    uint64_t order_ = 0;
    size_t server_ = 0; ///< that has answered last
    bool is_wanting_ = false;
    std::optional<Time> lost_since_;
    std::optional<Time> told_at_;
    ServedState told_;
    uint8_t spread_ = 0;
    std::optional<ServingEnd> end_;
};

} // namespace

std::optional<uint32_t> take_over(System& system, const SharedMemory& memory) {
    constexpr milliseconds kStep{1};
    constexpr seconds kPatience{1}; // a message takes a moment
    SharedState& state = memory.state();
    uint32_t generation = ++state.generation;
    for (Deadline deadline = system.now() + kPatience; state.is_busy != 0 && system.now() < deadline;)
        system.sleep(kStep);
    if (state.is_busy == 0) return generation;
    // The others stay: until the kernel asks again, after 30 s, it takes their answers over the next
    // connection. Of this one it may have the whole answer, and would end the connection at another one.
    for (PendingRead& pending : state.pending)
        if (pending.is_begun) pending.length = 0;
    state.is_busy = 0;
    return std::nullopt;
}

ServingEnd serve(System& system, const Source& source, const SharedMemory& memory, const UniqueFd& connection,
                 uint32_t generation, Phase phase, const Tell& tell) {
    return Server(system, source, memory, connection, generation, phase, tell).run();
}

} // namespace mangrove::lazy
