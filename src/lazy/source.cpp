#include "lazy/source.h"

#include <algorithm>

#include "base/refusals.h"
#include "system/downloads.h"

namespace mangrove::lazy {

namespace {

constexpr seconds kPatience{10};

Result<> learn_addresses(System& system, Mirror& mirror) {
    bool is_known = mirror.host == mirror.now.host && !mirror.addresses.empty();
    if (is_known && !mirror.is_stale) return {};
    Result<std::vector<IpAddress>> found = system.network().resolve(mirror.now.host);
    // The name server can be away as well: then the server is where it was.
    if (!found && is_known) return {};
    mirror.addresses = TRY(std::move(found));
    mirror.host = mirror.now.host;
    mirror.is_stale = false;
    return {};
}

struct Answer {
    Judged judged;
    seconds retry_after{0};
    std::string redirect = {};
    milliseconds round_trip{0};
    Bytes body = {};
};

Result<Answer> ask(System& system, const Source& source, Mirrors& mirrors, size_t number) {
    RangeRequest request = TRY(request_to(system, source, mirrors, number));
    request.length = kPieceSize;
    Wanted wanted = {.offset = 0, .length = kPieceSize};
    Answer answer;
    std::unique_ptr<Ranges> ranges = system.downloads().open_ranges();
    TRY(ranges->start(0, request, [&](const RangeHead& head, ByteView piece) {
        answer.judged = judge(head, wanted);
        if (answer.judged.verdict != Verdict::good) return false;
        answer.body.insert(answer.body.end(), piece.begin(), piece.end());
        return answer.body.size() <= answer.judged.length;
    }));
    std::vector<Ranges::End> ends;
    while (ends.empty())
        ranges->wait(nullptr, system.now() + kPatience, ends);
    Ranges::End& end = ends.front();
    if (end.error) return std::unexpected(*std::move(end.error));
    answer.judged = judge(end.head, wanted);
    answer.retry_after = end.head.retry_after;
    answer.redirect = end.head.redirect;
    answer.round_trip = end.round_trip.value_or(milliseconds(0));
    if (answer.judged.verdict == Verdict::good && answer.body.size() != answer.judged.length)
        return permanent_error("the server sent more or less than Content-Range says");
    return answer;
}

/// The answer at the end of the redirects, when it is a good one.
Result<Answer> ask_to_the_end(System& system, const Source& source, Mirrors& mirrors, size_t number) {
    for (;;) {
        Answer answer = TRY(ask(system, source, mirrors, number));
        if (answer.judged.verdict == Verdict::good) return answer;
        if (answer.judged.verdict == Verdict::away) return transient_error(answer.judged.reason);
        if (answer.judged.verdict != Verdict::redirect) return permanent_error(answer.judged.reason);
        TRY(mirrors.follow(number, answer.redirect));
    }
}

} // namespace

Result<RangeRequest> request_to(System& system, const Source& source, Mirrors& mirrors, size_t number) {
    Mirror& mirror = mirrors[number];
    RangeRequest request = {.url = mirror.now.to_text(), .patience = kPatience};
    if (mirror.now.scheme == Url::Scheme::https) request.authorities = source.authorities;
    if (!IpAddress::parse(mirror.now.host)) {
        TRY(learn_addresses(system, mirror));
        request.host = mirror.now.host;
        request.port = mirror.now.port;
        request.addresses = mirror.addresses;
    }
    if (!mirrors.is_at_home(number)) return request;
    request.username = source.username;
    request.password = source.password;
    request.token = source.token;
    request.region = source.region;
    return request;
}

Result<> probe(System& system, Source& source, SharedMemory memory) {
    Mirrors mirrors(source.urls);
    Refusals refusals;
    for (size_t number = 0; number < mirrors.size(); ++number) {
        Result<Answer> answer = ask_to_the_end(system, source, mirrors, number);
        if (!answer) {
            answer.error().what.insert(0, source.urls[number].shown() + ": ");
            refusals.add(std::move(answer).error(), Refusals::Source::server);
            continue;
        }
        source.size = answer->judged.size;
        source.round_trip = answer->round_trip;
        SharedState& state = memory.state();
        MirrorMemory& known = state.mirrors[number];
        std::ranges::copy(answer->body, state.beginning.begin());
        std::ranges::copy(answer->judged.version, known.version.begin());
        known.is_known = true;
        return {};
    }
    return std::move(refusals).to_error("no URL");
}

} // namespace mangrove::lazy
