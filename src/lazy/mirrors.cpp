#include "lazy/mirrors.h"

#include <algorithm>

namespace mangrove::lazy {

/// Of a registry, which is asked over https.
static Url home_of(const Url& written, const Registry& registry) {
    Url home = written;
    home.scheme = Url::Scheme::https;
    home.path = registry.path();
    return home;
}

Mirror::Mirror(Url url) : written(std::move(url)), home(written), now(written) {
    if (written.scheme != Url::Scheme::oci) return;
    // The definition is checked for it; with another one there is no manifest.
    registry = {.artifact = oci::Reference::parse(written.to_text()).value_or(oci::Reference())};
    home = home_of(written, *registry);
    now = home;
}

std::optional<size_t> Mirrors::choose(Time now) const {
    for (size_t number = 0; number < mirrors_.size(); ++number)
        if (mirrors_[number].resumes <= now && !mirrors_[number].is_checked) return number;
    return std::nullopt;
}

Time Mirrors::next_resumption() const {
    return std::ranges::min_element(mirrors_, {}, &Mirror::resumes)->resumes;
}

void Mirrors::succeeded(size_t number) {
    Mirror& mirror = mirrors_[number];
    mirror.failures = 0;
    mirror.redirects = 0;
    mirror.is_changed = false;
    mirror.is_renewed = false;
    mirror.reason.clear();
    if (mirror.registry) mirror.registry->is_token_proven = true;
}

void Mirrors::failed(size_t number, std::string reason, Time now, seconds retry_after, uint8_t spread) {
    constexpr milliseconds kFirstPause{250}, kLongestPause{8000}, kLongestPauseBesideOthers{60000};
    constexpr seconds kLongestWish{300};
    constexpr unsigned kMostDoublings = 8;
    Mirror& mirror = mirrors_[number];
    // Requests that were under way together fail together.
    if (mirror.resumes > now && retry_after.count() == 0) return;
    milliseconds longest = mirrors_.size() > 1 ? kLongestPauseBesideOthers : kLongestPause;
    milliseconds pause = std::min(kFirstPause * (1 << std::min(mirror.failures, kMostDoublings)), longest);
    pause += pause * spread / 1024;
    ++mirror.failures;
    mirror.reason = std::move(reason);
    mirror.resumes = now + std::max<milliseconds>(pause, std::min(retry_after, kLongestWish));
    // The target of a redirect may be gone, and an address may have moved.
    mirror.now = mirror.home;
    mirror.redirects = 0;
    mirror.is_stale = true;
}

Result<> Mirrors::follow(size_t number, const std::string& redirect) {
    constexpr unsigned kMostRedirects = 10;
    Mirror& mirror = mirrors_[number];
    Url to = TRY(Url::parse(redirect), "following a redirect of ", mirror.now.shown());
    bool is_http = to.scheme == Url::Scheme::http || to.scheme == Url::Scheme::https;
    if (!is_http) return permanent_error("redirect away from HTTP refused: ", to.shown());
    if (mirror.now.scheme == Url::Scheme::https && to.scheme == Url::Scheme::http)
        return permanent_error("redirect from https to http refused: ", to.shown());
    if (++mirror.redirects > kMostRedirects)
        return permanent_error("more than ", kMostRedirects, " redirects");
    to.credentials.clear();
    mirror.now = std::move(to);
    return {};
}

bool Mirrors::go_back(size_t number) {
    Mirror& mirror = mirrors_[number];
    if (mirror.now.to_text() == mirror.home.to_text() || mirror.is_renewed) return false;
    mirror.now = mirror.home;
    mirror.is_renewed = true;
    return true;
}

bool Mirrors::is_at_home(size_t number) const {
    const Mirror& mirror = mirrors_[number];
    return mirror.now.scheme == mirror.home.scheme && mirror.now.host == mirror.home.host
           && mirror.now.port == mirror.home.port;
}

Question Mirrors::question(size_t number, Time now) const {
    const Mirror& mirror = mirrors_[number];
    return mirror.registry ? mirror.registry->question(now) : Question::none;
}

Result<> Mirrors::answered(size_t number, Question question, const Ranges::End& end, ByteView body,
                           const std::string& credential, Time now) {
    Mirror& mirror = mirrors_[number];
    Registry& registry = *mirror.registry;
    if (question == Question::token) {
        Result<> taken = registry.take_token(end, body, now);
        if (!taken) taken.error().what.insert(0, registry.realm() + ": ");
        return taken;
    }
    if (end.error) return std::unexpected(*end.error);
    if (end.head.status == kUnauthorized) return challenged(number, end.head, credential);
    if (!end.head.redirect.empty()) return follow(number, end.head.redirect);
    TRY(check_answer(end.head, body));
    oci::Layer image = TRY(image_in_manifest(registry.artifact.digest, body));
    registry.is_token_proven = true;
    learn_blob(number, image.digest, image.size);
    return {};
}

Result<> Mirrors::challenged(size_t number, const RangeHead& head, const std::string& credential) {
    Mirror& mirror = mirrors_[number];
    if (!is_at_home(number)) return permanent_error("the server answered ", head.status);
    return mirror.registry->take_challenge(head.authenticate, credential);
}

void Mirrors::learn_blob(size_t number, std::string digest, uint64_t size) {
    Mirror& mirror = mirrors_[number];
    mirror.registry->blob = std::move(digest);
    mirror.registry->size = size;
    mirror.home = home_of(mirror.written, *mirror.registry);
    mirror.redirects = 0;
    mirror.now = mirror.home;
}

bool Mirrors::are_all_changed() const {
    return std::ranges::all_of(mirrors_, &Mirror::is_changed);
}

std::string Mirrors::reason() const {
    std::vector<std::string> reasons;
    for (const Mirror& mirror : mirrors_)
        if (!mirror.reason.empty()) reasons.push_back(mirror.written.shown() + ": " + mirror.reason);
    return join(reasons, "; ");
}

void shuffle(std::vector<Url>& urls, ByteView chance) {
    for (size_t left = urls.size(); left > 1; --left)
        std::swap(urls[left - 1], urls[chance[left - 1] % left]);
}

} // namespace mangrove::lazy
