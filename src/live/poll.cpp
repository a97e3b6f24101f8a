#include "live/poll.h"

#include <algorithm>

#include "base/json.h"
#include "base/log.h"
#include "machine/backoff.h"
#include "machine/run_files.h"
#include "net/fetch.h"
#include "net/url.h"
#include "system/archives.h"

namespace mangrove {

namespace {

constexpr seconds kLongestWait{86400};

std::string archive_path() {
    return text(kFilesDirectory, "/set.tar");
}
std::string tree_path() {
    return text(kFilesDirectory, "/tree");
}

std::string counted(size_t count, std::string_view noun) {
    return text(count, " ", noun, count == 1 ? "" : "s");
}

} // namespace

Poll::Poll(System& system, NodeFiles& files, definition::NodeServer server)
    : system_(system), files_(files), server_(std::move(server)) {
    Result<LiveState> state = files_.load();
    if (state)
        state_ = *std::move(state);
    else
        log_warning("files: ", kFilesState, ": ", state.error().what, ", starting without it");
    Result<Url> url = Url::parse(server_.url);
    state_.server = url ? url->shown() : "the head node";
    state_.interval = server_.interval;
    if (state_.answered == Time()) state_.answered = system_.now();
}

seconds Poll::round() {
    std::map<std::string, LeftFile> before = state_.left;
    look();
    seconds pause = ask();
    log_left(before);
    if (Result<> saved = files_.save(state_); !saved)
        log_warning("files: ", saved.error().what, ", ignoring");
    return pause;
}

void Poll::look() {
    if (files_.look(state_)) state_.version.clear();
}

seconds Poll::ask() {
    Result<> prepared = files_.make_empty(kFilesDirectory);
    if (prepared) prepared = system_.write_file(archive_path(), "", 0600);
    if (!prepared) {
        note_error(prepared.error().what);
        return server_.interval;
    }
    Update update =
        fetch_update(system_, server_.url, state_.version, kServerAuthorities,
                     [this](ByteView piece) { return system_.append_file(archive_path(), piece); });
    if (update.outcome == Update::Outcome::changed) {
        if (Result<> taken = take(update.version); !taken) update.error = std::move(taken).error();
    }
    if (update.outcome == Update::Outcome::missing) note_missing();
    if (update.error)
        note_error(update.error->what);
    else
        note_success();
    if (Result<> emptied = files_.make_empty(kFilesDirectory); !emptied)
        log_warning("files: ", emptied.error().what, ", ignoring");
    return update.retry_after.count() > 0 ? std::min(update.retry_after, kLongestWait) : server_.interval;
}

Result<> Poll::take(const std::string& version) {
    TRY(system_.make_directory(tree_path(), 0700));
    TRY(system_.archives().unpack(archive_path(), tree_path()));
    Applied applied = TRY(files_.apply(tree_path(), state_));
    state_.version = version;
    state_.fetched = system_.now();
    state_.is_missing = false;
    if (applied.replaced + applied.removed > 0)
        log_notice("files: ", counted(applied.replaced, "file"), " replaced, ", applied.removed, " removed");
    return {};
}

void Poll::note_missing() {
    if (!state_.is_missing)
        log_notice("files: ", state_.server, " has no files for this node; it keeps those that it has");
    state_.is_missing = true;
}

void Poll::note_error(const std::string& what) {
    if (state_.error != what)
        log_notice("files: ", what, "; retrying every ", server_.interval.count(), " s");
    state_.error = what;
}

void Poll::note_success() {
    if (!state_.error.empty()) log_notice("files: ", state_.server, " can be fetched again");
    state_.error.clear();
    state_.answered = system_.now();
}

void Poll::log_left(const std::map<std::string, LeftFile>& before) const {
    for (const auto& [path, left] : state_.left) {
        auto known = before.find(path);
        if (known == before.end() || known->second != left) log_notice("files: ", path, ": ", left.what);
    }
}

void keep_files(System& system, Poll& poll, const std::function<bool()>& goes_on) {
    seconds interval = poll.state().interval;
    seconds pause = poll.round();
    // Nodes that were started together ask at different moments from the second request on.
    milliseconds wait = pause;
    if (pause == interval) wait = part_of(system, interval).value_or(interval);
    while (goes_on()) {
        system.sleep(wait);
        wait = poll.round();
    }
}

} // namespace mangrove
