#include "net/fetch.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "base/log.h"
#include "machine/backoff.h"
#include "machine/kernel_command_line.h"
#include "machine/run_files.h"
#include "net/build_time.h"
#include "net/url.h"

// Fetching over HTTP (RFC 9110), HTTPS and TFTP, posting over the first two. Reads the argument
// `mangrove.ca=`.

namespace mangrove {

Result<> mend_clock(System& system) {
    if (system.wall_clock() >= build_time()) return {};
    log_warning("the clock of this machine was not set; setting it to the build date of this program, so "
                "that certificates can be checked");
    return system.set_wall_clock(build_time());
}

namespace {

constexpr unsigned kOk = 200;
constexpr unsigned kPartialContent = 206;
constexpr unsigned kNotModified = 304;
constexpr unsigned kNotFound = 404;
constexpr unsigned kGone = 410;
constexpr unsigned kMostRedirects = 10;
constexpr unsigned kMostWaits = 5;
constexpr seconds kLongestWait{120};
// Between two tries to go on with a file.
constexpr seconds kFirstPause{1};
constexpr seconds kLongestPause{8};
// Without so many bytes of it coming.
constexpr seconds kLongestOutage{60};
constexpr uint64_t kProgress = 1 << 20;

struct StatusName {
    unsigned status;
    std::string_view name;
};
constexpr StatusName kStatusNames[] = {
    {400, "bad request"},
    {401, "unauthorized"},
    {403, "forbidden"},
    {404, "not found"},
    {410, "gone"},
    {429, "too many requests"},
    {500, "internal server error"},
    {502, "bad gateway"},
    {503, "service unavailable"},
    {504, "gateway timeout"},
};

bool may_pass(unsigned status) {
    return status == 408 || status == 425 || status == 429 || status >= 500;
}

std::string_view name_of_status(unsigned status) {
    const auto* known = std::ranges::find(kStatusNames, status, &StatusName::status);
    return known == std::end(kStatusNames) ? std::string_view() : known->name;
}

Result<> status_error(const Url& url, const DownloadAnswer& answer) {
    std::string_view name = name_of_status(answer.status);
    std::string what = text(url.shown(), ": the server answered ", answer.status);
    if (!name.empty()) what += text(" (", name, ")");
    if (!answer.reason.empty() && answer.reason != name) what += ": " + answer.reason;
    if (may_pass(answer.status)) return transient_error(what);
    return permanent_error(what);
}

/// The request with what belongs to its URL.
Result<DownloadRequest> complete(System& system, DownloadRequest request, const Url& url) {
    request.url = url.to_text();
    if (url.scheme == Url::Scheme::https) {
        TRY(mend_clock(system));
        if (request.authorities.empty()) request.authorities = TRY(find_authorities(system));
    }
    if (url.host.empty() || IpAddress::parse(url.host)) return request;
    request.host = url.host;
    request.port = url.port;
    request.addresses = TRY(system.network().resolve(url.host));
    return request;
}

Result<DownloadAnswer> ask_once(System& system, const Url& url, const DownloadRequest& wanted,
                                const DownloadSink& sink) {
    DownloadRequest request = TRY(complete(system, wanted, url));
    return system.downloads().download(request, sink);
}

/// The answer to one URL, from a server that may ask to be left alone for a while.
Result<DownloadAnswer> ask_in_turn(System& system, const Url& url, const DownloadRequest& wanted,
                                   const DownloadSink& sink) {
    for (unsigned waits = 0;; ++waits) {
        DownloadAnswer answer = TRY(ask_once(system, url, wanted, sink));
        bool asks_to_wait = may_pass(answer.status) && answer.retry_after.count() > 0
                            && answer.retry_after <= kLongestWait && waits < kMostWaits;
        if (!asks_to_wait) return answer;
        log_notice(url.shown(), ": the server answered ", answer.status, "; retrying in ",
                   answer.retry_after.count(), " s, as it asks");
        system.sleep(answer.retry_after);
    }
}

/// Begins an error with the URL.
Result<DownloadAnswer> named(const Url& url, Result<DownloadAnswer> answer) {
    Error* problem = !answer ? &answer.error() : answer->broken_off ? &*answer->broken_off : nullptr;
    if (problem) problem->what.insert(0, url.shown() + ": ");
    return answer;
}

/// Errors begin with the URL.
Result<DownloadAnswer> ask(System& system, const Url& url, const DownloadRequest& wanted,
                           const DownloadSink& sink) {
    return named(url, ask_in_turn(system, url, wanted, sink));
}

/// Whether it has what was asked for to the end.
Result<> whole(const Url& url, const Result<DownloadAnswer>& answer, unsigned wanted_status) {
    if (!answer) return std::unexpected(answer.error());
    if (answer->broken_off) return std::unexpected(*answer->broken_off);
    return answer->status == wanted_status ? Result<>() : status_error(url, *answer);
}

/// Of an answer that is not the rest of a file, whether it means that there is another file by now, or no
/// rest.
bool is_another(unsigned status) {
    return status / 100 == 2 || status / 100 == 3 || status == 412 || status == 416;
}

Result<Url> follow(const Url& from, const std::string& redirect) {
    Result<Url> to = Url::parse(redirect);
    if (!to) return permanent_error(from.shown(), ": invalid redirect: ", to.error().what);
    if (to->scheme != Url::Scheme::http && to->scheme != Url::Scheme::https)
        return permanent_error(from.shown(), ": redirect away from HTTP refused: ", to->shown());
    if (from.scheme == Url::Scheme::https && to->scheme == Url::Scheme::http)
        return permanent_error(from.shown(), ": redirect from https to http refused: ", to->shown());
    return to;
}

} // namespace

Result<std::string> find_authorities(System& system) {
    if (system.path_kind(kServerAuthorities) != PathKind::missing) return kServerAuthorities;
    KernelCommandLine command_line = KernelCommandLine::parse(TRY(read_arguments(system)));
    std::string path = command_line.value("mangrove.ca").value_or(kAuthorities);
    if (system.path_kind(path) == PathKind::missing)
        return permanent_error("no CA certificates for https: the initramfs has no ", path,
                               "; add it with 'mangrove initramfs --ca FILE'");
    return path;
}

/// The rest of a file whose first bytes came before the connection was lost. The server may be away for a
/// while; where it has another version by then, or gives out no parts, all of it has to be fetched again.
static Result<> fetch_rest(System& system, const Url& url, DownloadAnswer broken, const uint64_t& received,
                           const DownloadSink& sink) {
    Backoff backoff(system, kFirstPause, kLongestPause);
    Time gives_up_at = system.now() + kLongestOutage;
    uint64_t enough = received + kProgress;
    std::string said;
    for (Error reason = *std::move(broken.broken_off);;) {
        if (said != reason.what) log_notice(reason.what, "; resuming after ", received, " bytes");
        said = reason.what;
        TRY(backoff.wait());
        Result<DownloadAnswer> answer =
            ask(system, url, {.offset = received, .version = broken.version}, sink);
        if (answer && answer->is_rest && !answer->broken_off) return {};
        if (answer && !answer->is_rest && is_another(answer->status))
            return transient_error(
                url.shown(), ": the server answered ", answer->status,
                " to a request for the rest of the file: the file has changed, or the server "
                "supports no range requests");
        Result<> problem = whole(url, answer, kPartialContent);
        if (received >= enough) {
            backoff.reset();
            gives_up_at = system.now() + kLongestOutage;
            enough = received + kProgress;
        }
        if (!problem.error().is_transient() || system.now() >= gives_up_at) return problem;
        reason = std::move(problem.error());
    }
}

Result<> fetch(System& system, const std::string& written, milliseconds time_limit,
               const DownloadSink& sink) {
    Url url = TRY(Url::parse(written));
    uint64_t received = 0;
    DownloadSink counting_sink = [&](ByteView piece) -> Result<> {
        TRY(sink(piece));
        received += piece.size();
        return {};
    };
    for (unsigned redirects = 0;; ++redirects) {
        DownloadRequest request = {.time_limit = time_limit};
        DownloadAnswer answer = TRY(ask(system, url, request, counting_sink));
        if (answer.broken_off && time_limit.count() == 0)
            return fetch_rest(system, url, std::move(answer), received, counting_sink);
        if (answer.redirect.empty()) return whole(url, answer, kOk);
        if (redirects == kMostRedirects)
            return permanent_error(url.shown(), ": more than ", kMostRedirects, " redirects");
        url = TRY(follow(url, answer.redirect));
    }
}

Result<std::string> fetch_text(System& system, const std::string& url, milliseconds time_limit,
                               size_t byte_limit) {
    std::string whole;
    TRY(fetch(system, url, time_limit, [&](ByteView piece) -> Result<> {
        if (piece.size() > byte_limit - whole.size())
            return permanent_error("it is longer than ", byte_limit, " bytes");
        whole.append(piece.begin(), piece.end());
        return {};
    }));
    return whole;
}

/// The answer at the end of the redirects, whatever its status.
static Result<Update> ask_for_update(System& system, Url url, const DownloadRequest& request,
                                     const DownloadSink& sink) {
    for (unsigned redirects = 0;; ++redirects) {
        DownloadAnswer answer = TRY(named(url, ask_once(system, url, request, sink)));
        if (!answer.redirect.empty() && redirects == kMostRedirects)
            return permanent_error(url.shown(), ": more than ", kMostRedirects, " redirects");
        if (!answer.redirect.empty()) {
            url = TRY(follow(url, answer.redirect));
            continue;
        }
        Update update = {.version = answer.version, .retry_after = answer.retry_after};
        if (answer.status == kNotModified && !request.version.empty())
            update.outcome = Update::Outcome::unchanged;
        else if (answer.status == kNotFound || answer.status == kGone)
            update.outcome = Update::Outcome::missing;
        else if (Result<> came = whole(url, answer, kOk); came)
            update.outcome = Update::Outcome::changed;
        else
            update.error = std::move(came).error();
        return update;
    }
}

Update fetch_update(System& system, const std::string& written, const std::string& known,
                    const std::string& authorities, const DownloadSink& sink) {
    Result<Url> url = Url::parse(written);
    if (!url) return {.error = url.error()};
    Result<Update> update =
        ask_for_update(system, *url, {.authorities = authorities, .version = known}, sink);
    return update ? *std::move(update) : Update{.error = std::move(update).error()};
}

Result<std::string> post_for_answer(System& system, const std::string& written, const Posting& posting) {
    Url url = TRY(Url::parse(written));
    if (url.scheme != Url::Scheme::http && url.scheme != Url::Scheme::https)
        return permanent_error(url.shown(), ": cannot post: expected an http or https URL");
    DownloadRequest request = {
        .authorities = posting.authorities, .time_limit = posting.time_limit, .json = posting.json};
    std::string body;
    DownloadAnswer answer = TRY(ask(system, url, request, [&](ByteView piece) -> Result<> {
        body.append(piece.begin(), piece.begin()
                                       + static_cast<ptrdiff_t>(
                                           std::min(piece.size(), posting.most_of_answer - body.size())));
        return {};
    }));
    if (answer.redirect.empty() && answer.status / 100 != kOk / 100)
        return std::unexpected(status_error(url, answer).error());
    if (answer.redirect.empty()) return body;
    // A redirect may turn a POST into a GET (RFC 9110, 15.4).
    Result<Url> redirect = Url::parse(answer.redirect);
    return permanent_error(url.shown(),
                           ": redirect not followed: ", redirect ? redirect->shown() : "invalid URL");
}

Result<> post_json(System& system, const std::string& url, const Posting& posting) {
    TRY(post_for_answer(system, url, posting));
    return {};
}

} // namespace mangrove
