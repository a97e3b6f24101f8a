#include "lazy/fetches.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "system/downloads.h"

namespace mangrove::lazy {

namespace {

constexpr seconds kPatienceBesideOthers{4}; ///< with a mirror, when there are further ones
constexpr seconds kTellEvery{5};
constexpr size_t kMostFetches = 6;
constexpr size_t kMostReadaheads = 3;                       ///< of them
constexpr size_t kMostPrefetches = 2;                       ///< of them
constexpr size_t kLongestFetch = kLongestRead / kPieceSize; ///< pieces

} // namespace

Fetches::Fetches(System& system, const Source& source, SharedState& state, CachedFile& file, DiskCache& disk,
                 const Fill& fill, bool loss_is_logged, const Tell& tell)
    : system_(system), source_(source), state_(state), file_(file), disk_(disk), fill_(fill),
      cache_(file.cache()), loss_is_logged_(loss_is_logged), tell_(tell), mirrors_(source.urls),
      ranges_(system.downloads().open_ranges()) {
    told_.since = system.now();
    if (Result<Bytes> random = system.random_bytes(1); random) spread_ = random->front();
    for (size_t mirror = 0; mirror < mirrors_.size(); ++mirror)
        if (std::string blob = state_.mirrors[mirror].blob.data(); mirrors_[mirror].registry && !blob.empty())
            mirrors_.learn_blob(mirror, std::move(blob), source.size);
}

bool Fetches::wait(const UniqueFd& woken_by, Deadline deadline) {
    std::vector<Ranges::End> ends;
    bool is_woken = ranges_->wait(&woken_by, disk_.woken_by(), std::min(deadline, next_deadline()), ends);
    for (Ranges::End& end : ends)
        finish(end);
    return is_woken;
}

void Fetches::fetch_wanted(const std::vector<Read>& reads) {
    is_wanting_ = false;
    read_from_disk(reads);
    for (const Read& read : reads)
        for (uint64_t piece : read.pieces())
            if (read.is_admitted && is_missing(piece) && !fetch_from(piece, kMostFetches)) return;
    std::vector<uint64_t>& ahead = file_.ahead();
    while (!ahead.empty()) {
        uint64_t piece = ahead.front();
        if (is_missing(piece) && !fetch_from(piece, kMostReadaheads)) return;
        if (file_.is_wanted(piece) && disk_.has(piece) && !disk_.read(piece)) return;
        ahead.erase(ahead.begin());
    }
    while (fetches_.size() < kMostPrefetches) {
        std::optional<uint64_t> piece = file_.prefetch(system_.now());
        // The disk is near enough.
        while (piece && disk_.has(*piece))
            ++*piece;
        if (!piece || (is_missing(*piece) && !fetch_from(*piece, kMostPrefetches))) return;
    }
}

/// Also while all servers are away.
void Fetches::read_from_disk(const std::vector<Read>& reads) {
    for (const Read& read : reads)
        for (uint64_t piece : read.pieces())
            if (read.is_admitted && file_.is_wanted(piece) && disk_.has(piece) && !disk_.read(piece)) return;
}

bool Fetches::is_idle() const {
    return fetches_.empty() && file_.ahead().empty() && !disk_.is_storing()
           && mirrors_.choose(system_.now()).has_value();
}

/// Asks for a piece and those after it that are wanted, too. False when it has to wait.
bool Fetches::fetch_from(uint64_t piece, size_t most) {
    is_wanting_ = true;
    while (fetches_.size() < most) {
        std::optional<size_t> mirror = mirrors_.choose(system_.now());
        if (!mirror) {
            if (!is_checking()) lose();
            return false;
        }
        if (Question question = mirrors_.question(*mirror, system_.now()); question != Question::none) {
            start({.mirror = *mirror, .is_check = true, .question = question});
            continue;
        }
        renew_token(*mirror);
        bool is_known = state_.mirrors[*mirror].is_known;
        Fetch fetch = {.mirror = *mirror, .first = piece, .count = 1, .is_check = !is_known};
        if (!is_known) fetch.first = 0;
        while (is_known && fetch.count < kLongestFetch && is_missing(piece + fetch.count))
            ++fetch.count;
        if (start(std::move(fetch)) && is_known) return true;
    }
    return false;
}

bool Fetches::is_checking() const {
    return std::ranges::any_of(fetches_, [](const auto& fetch) { return fetch.second.is_check; });
}

/// Before it ends, so that no part waits for the next one.
void Fetches::renew_token(size_t mirror) {
    std::optional<Registry>& registry = mirrors_[mirror].registry;
    if (!registry || !registry->needs_renewal(system_.now())) return;
    registry->is_renewing = true;
    start({.mirror = mirror, .question = Question::token});
}

bool Fetches::start(Fetch fetch) {
    size_t mirror = fetch.mirror;
    Result<RangeRequest> request = request_to(system_, source_, mirrors_, mirror, fetch.question);
    if (!request) {
        fail(fetch, request.error(), seconds(0));
        return false;
    }
    if (fetch.question == Question::none) add_part(fetch, *request);
    fetch.since = system_.now();
    fetch.url = request->url;
    fetch.credential = credential_of(*request);
    if (mirrors_.size() > 1) {
        request->patience = kPatienceBesideOthers;
        request->connect_patience = kPatienceBesideOthers;
    }
    uint64_t number = ++fetch_number_;
    if (fetch.is_check) mirrors_[mirror].is_checked = true;
    Fetch& kept = fetches_[number] = std::move(fetch);
    set_pieces(kept, 0, Slot::State::coming);
    ++state_.requests;
    Result<> started = ranges_->start(number, *request, [this, &kept](const RangeHead& head, ByteView piece) {
        return take(kept, head, piece);
    });
    if (started) return true;
    finish({.number = number, .error = started.error()});
    return false;
}

void Fetches::add_part(Fetch& fetch, RangeRequest& request) {
    std::string version = state_.mirrors[fetch.mirror].version.data();
    uint64_t offset = fetch.first * kPieceSize;
    fetch.wanted = {.offset = offset,
                    .length = std::min(fetch.count * kPieceSize, source_.size - offset),
                    .size = source_.size,
                    .version = version};
    request.offset = offset;
    request.length = fetch.wanted.length;
    request.version = condition_of(version);
}

/// From the piece `from` of the fetch on; what nobody holds is not wanted any more.
void Fetches::set_pieces(const Fetch& fetch, uint64_t from, Slot::State state) {
    if (fetch.is_check) return;
    for (uint64_t piece = fetch.first + from; piece < fetch.first + fetch.count; ++piece) {
        bool is_of_no_use = state == Slot::State::wanted && !cache_.is_held(piece);
        cache_.set_state(piece, is_of_no_use ? Slot::State::empty : state);
    }
}

bool Fetches::take(Fetch& fetch, const RangeHead& head, ByteView bytes) {
    if (fetch.question != Question::none) {
        fetch.body.insert(fetch.body.end(), bytes.begin(), bytes.end());
        return fetch.body.size() <= kLongestAnswer;
    }
    if (!std::exchange(fetch.has_begun, true)) fetch.judged = judge(head, fetch.wanted);
    // The few words that come with a refusal are read, so that the connection can be kept.
    if (fetch.judged.verdict != Verdict::good) return (fetch.dropped += bytes.size()) <= kPieceSize;
    if (bytes.size() > fetch.judged.length - fetch.received) {
        fetch.judged = {.reason = "the server sent more than Content-Range says"};
        return false;
    }
    state_.bytes += bytes.size();
    if (fetch.is_check) {
        fetch.body.insert(fetch.body.end(), bytes.begin(), bytes.end());
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
        disk_.store(piece);
    }
    return true;
}

void Fetches::finish(const Ranges::End& end) {
    auto found = fetches_.find(end.number);
    if (found == fetches_.end()) return;
    Fetch fetch = std::move(found->second);
    fetches_.erase(found);
    if (fetch.is_check) mirrors_[fetch.mirror].is_checked = false;
    if (fetch.question != Question::none) return finish_question(fetch, end);
    if (!std::exchange(fetch.has_begun, true) && !end.error) fetch.judged = judge(end.head, fetch.wanted);
    bool is_good =
        !end.error && fetch.judged.verdict == Verdict::good && fetch.received == fetch.judged.length;
    if (is_good) return succeed(fetch);
    set_pieces(fetch, fetch.received / kPieceSize, Slot::State::wanted);
    if (end.error) return fail(fetch, *end.error, seconds(0));
    // Requests that were under way together are led away, or refused, together.
    if (mirrors_[fetch.mirror].now.to_text() != fetch.url) return;
    switch (fetch.judged.verdict) {
    case Verdict::good:
        return fail(fetch, {.what = "the server sent less than Content-Range says"}, seconds(0));
    case Verdict::changed:
        mirrors_[fetch.mirror].is_changed = true;
        break;
    case Verdict::redirect:
        if (Result<> followed = mirrors_.follow(fetch.mirror, end.head.redirect); !followed)
            fail(fetch, followed.error(), seconds(0));
        return;
    case Verdict::refused:
        if (is_overcome(fetch, end.head)) return;
        break;
    case Verdict::away:
        break;
    }
    fail(fetch, {.what = fetch.judged.reason}, end.head.retry_after);
}

/// Whether it can be asked again at once: at home, or with another credential.
bool Fetches::is_overcome(Fetch& fetch, const RangeHead& head) {
    if (mirrors_.go_back(fetch.mirror)) return true;
    if (!mirrors_[fetch.mirror].registry || head.status != kUnauthorized) return false;
    Result<> taken = mirrors_.challenged(fetch.mirror, head, fetch.credential);
    if (!taken) fetch.judged.reason = taken.error().what;
    return taken.has_value();
}

void Fetches::finish_question(const Fetch& fetch, const Ranges::End& end) {
    Registry& registry = *mirrors_[fetch.mirror].registry;
    Result<> taken =
        mirrors_.answered(fetch.mirror, fetch.question, end, fetch.body, fetch.credential, system_.now());
    if (fetch.question == Question::token) registry.is_renewing = false;
    bool has_manifest = taken && fetch.question == Question::manifest && !registry.blob.empty();
    if (has_manifest) taken = keep_blob(source_, registry, state_.mirrors[fetch.mirror]);
    if (has_manifest && !taken) mirrors_[fetch.mirror].is_changed = true;
    if (!taken) fail(fetch, taken.error(), end.head.retry_after);
}

void Fetches::succeed(const Fetch& fetch) {
    if (fetch.is_check && !learn(fetch)) {
        mirrors_[fetch.mirror].is_changed = true;
        return fail(fetch, {.what = "the file there is another one"}, seconds(0));
    }
    mirrors_.succeeded(fetch.mirror);
    if (std::exchange(server_, fetch.mirror) != fetch.mirror) told_at_.reset();
    auto took = std::chrono::ceil<milliseconds>(system_.now() - fetch.since);
    state_.slowest = std::max(state_.slowest, static_cast<uint64_t>(took.count()));
    find_again();
}

/// Takes a mirror for one of the file that begins as the one that is known.
bool Fetches::learn(const Fetch& fetch) {
    if (!std::ranges::equal(fetch.body, ByteView(state_.beginning).first(fetch.body.size()))) return false;
    MirrorMemory& known = state_.mirrors[fetch.mirror];
    std::ranges::copy(fetch.judged.version, known.version.begin());
    known.is_known = true;
    return true;
}

void Fetches::fail(const Fetch& fetch, const Error& error, seconds retry_after) {
    Mirror& mirror = mirrors_[fetch.mirror];
    bool is_renewal = fetch.question == Question::token && !fetch.is_check;
    if (!is_renewal) return mirrors_.failed(fetch.mirror, error.what, system_.now(), retry_after, spread_);
    // The token is good until it ends; then there is no way without another one.
    mirror.registry->renewal = mirror.registry->expiry;
    mirror.registry->is_renewing = false;
}

void Fetches::lose() {
    std::string now = mirrors_.are_all_changed() ? "changed" : "lost";
    told_.reason = mirrors_.reason();
    if (lost_since_ && told_.now == now) return;
    if (!lost_since_) {
        lost_since_ = system_.now();
        ++state_.losses;
    }
    become(now);
    if (loss_is_logged_) log_warning("the ", source_.name(), " is lost: ", told_.reason, "; waiting for it");
}

void Fetches::find_again() {
    if (!lost_since_) return;
    Clock::duration lasted = system_.now() - *std::exchange(lost_since_, std::nullopt);
    auto milli = static_cast<uint64_t>(std::chrono::ceil<milliseconds>(lasted).count());
    state_.longest_loss = std::max(state_.longest_loss, milli);
    become("connected");
    if (loss_is_logged_)
        log_warning("the ", source_.name(), " is back after ", std::chrono::ceil<seconds>(lasted).count(),
                    " s");
}

void Fetches::become(const std::string& now) {
    told_.now = now;
    told_.since = system_.now();
    told_at_.reset();
}

void Fetches::tell_state() {
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
    const Mirror& server = mirrors_[server_];
    told_.server = (server.registry ? server.written : server.now).shown();
    disk_.tell(told_);
    told_.size = source_.size;
    told_.held = fill_.held();
    told_.is_filled = source_.fill > 0;
    tell_(told_);
}

Deadline Fetches::next_deadline() const {
    Deadline deadline = system_.now() + kTellEvery;
    if (is_wanting_ && lost_since_) deadline = std::min(deadline, mirrors_.next_resumption());
    return deadline;
}

} // namespace mangrove::lazy
