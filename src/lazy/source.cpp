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
    std::string redirect = {};
    milliseconds round_trip{0};
    Bytes body = {};
    bool is_challenge = false; ///< it is to be asked again, with another credential
};

Result<Ranges::End> end_of(System& system, const RangeRequest& request, const Ranges::Sink& sink) {
    std::unique_ptr<Ranges> ranges = system.downloads().open_ranges();
    TRY(ranges->start(0, request, sink));
    std::vector<Ranges::End> ends;
    while (ends.empty())
        ranges->wait(nullptr, nullptr, system.now() + kPatience, ends);
    return std::move(ends.front());
}

Result<> ask_question(System& system, const Source& source, Mirrors& mirrors, size_t number,
                      Question question) {
    RangeRequest request = TRY(request_to(system, source, mirrors, number, question));
    Bytes body;
    Ranges::End end = TRY(end_of(system, request, [&](const RangeHead&, ByteView piece) {
        body.insert(body.end(), piece.begin(), piece.end());
        return body.size() <= kLongestAnswer;
    }));
    return mirrors.answered(number, question, end, body, credential_of(request), system.now());
}

Result<Answer> ask(System& system, const Source& source, Mirrors& mirrors, size_t number) {
    RangeRequest request = TRY(request_to(system, source, mirrors, number, Question::none));
    request.length = kPieceSize;
    Wanted wanted = {.offset = 0, .length = kPieceSize};
    Answer answer;
    Ranges::End end = TRY(end_of(system, request, [&](const RangeHead& head, ByteView piece) {
        answer.judged = judge(head, wanted);
        if (answer.judged.verdict != Verdict::good) return false;
        answer.body.insert(answer.body.end(), piece.begin(), piece.end());
        return answer.body.size() <= answer.judged.length;
    }));
    if (end.error) return std::unexpected(*std::move(end.error));
    answer.judged = judge(end.head, wanted);
    answer.is_challenge = mirrors[number].registry && end.head.status == kUnauthorized;
    if (answer.is_challenge) TRY(mirrors.challenged(number, end.head, credential_of(request)));
    answer.redirect = end.head.redirect;
    answer.round_trip = end.round_trip.value_or(milliseconds(0));
    if (answer.judged.verdict == Verdict::good && answer.body.size() != answer.judged.length)
        return permanent_error("the server sent more or less than Content-Range says");
    return answer;
}

/// The answer at the end of the redirects, when it is a good one.
Result<Answer> ask_to_the_end(System& system, const Source& source, Mirrors& mirrors, size_t number) {
    const Mirror& mirror = mirrors[number];
    for (;;) {
        if (Question question = mirrors.question(number, system.now()); question != Question::none) {
            TRY(ask_question(system, source, mirrors, number, question));
            continue;
        }
        Answer answer = TRY(ask(system, source, mirrors, number));
        if (answer.is_challenge) continue;
        if (answer.judged.verdict == Verdict::good && mirror.registry
            && mirror.registry->size != answer.judged.size)
            return permanent_error("the file has ", answer.judged.size, " bytes, and in the manifest ",
                                   mirror.registry->size);
        if (answer.judged.verdict == Verdict::good) return answer;
        if (answer.judged.verdict == Verdict::away) return transient_error(answer.judged.reason);
        if (answer.judged.verdict != Verdict::redirect) return permanent_error(answer.judged.reason);
        TRY(mirrors.follow(number, answer.redirect));
    }
}

/// Of those that a registry, or its server of tokens, may answer with; an index is there to be refused.
constexpr const char* kManifestTypes =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.oci.image.index.v1+json";

Result<RangeRequest> request_for_token(System& system, const Source& source, Registry& registry) {
    Url url = TRY(Url::parse(registry.challenge->token_url()), "reading ", registry.realm());
    if (url.scheme != Url::Scheme::https || !url.credentials.empty())
        return permanent_error(registry.realm(), ": refused: expected an https URL without a password");
    RangeRequest request = {.url = url.to_text(),
                            .authorities = source.authorities,
                            .username = source.username,
                            .password = source.password,
                            .patience = kPatience};
    if (IpAddress::parse(url.host)) return request;
    Result<std::vector<IpAddress>> found = system.network().resolve(url.host);
    if (found)
        registry.addresses = *std::move(found);
    else if (registry.addresses.empty())
        return std::unexpected(std::move(found).error());
    request.host = url.host;
    request.port = url.port;
    request.addresses = registry.addresses;
    return request;
}

Result<> add_credentials(const Source& source, const Mirror& mirror, RangeRequest& request) {
    request.token = source.token;
    if (!mirror.registry || mirror.registry->wants_password()) {
        request.username = source.username;
        request.password = source.password;
    }
    if (!mirror.registry) {
        request.region = source.region;
        return {};
    }
    if (mirror.registry->wants_password() && source.username.empty())
        return permanent_error("the registry wants a username and a password");
    if (request.token.empty()) request.token = mirror.registry->token;
    return {};
}

} // namespace

Result<RangeRequest> request_to(System& system, const Source& source, Mirrors& mirrors, size_t number,
                                Question question) {
    Mirror& mirror = mirrors[number];
    if (question == Question::token) return request_for_token(system, source, *mirror.registry);
    RangeRequest request = {.url = mirror.now.to_text(), .patience = kPatience};
    if (mirror.now.scheme == Url::Scheme::https) request.authorities = source.authorities;
    if (!IpAddress::parse(mirror.now.host)) {
        TRY(learn_addresses(system, mirror));
        request.host = mirror.now.host;
        request.port = mirror.now.port;
        request.addresses = mirror.addresses;
    }
    if (question == Question::manifest) request.accept = kManifestTypes;
    if (mirrors.is_at_home(number)) TRY(add_credentials(source, mirror, request));
    return request;
}

Result<> keep_blob(const Source& source, const Registry& registry, MirrorMemory& memory) {
    if (registry.size != source.size) return permanent_error("the file there is another one");
    std::ranges::copy(registry.blob, memory.blob.begin());
    return {};
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
        if (mirrors[number].registry) return keep_blob(source, *mirrors[number].registry, known);
        return {};
    }
    return std::move(refusals).to_error("no URL");
}

} // namespace mangrove::lazy
