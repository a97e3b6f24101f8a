#include "lazy/mirrors.h"

#include <algorithm>

namespace mangrove::lazy {

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
    mirror.now = mirror.written;
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
    if (mirror.now.to_text() == mirror.written.to_text() || mirror.is_renewed) return false;
    mirror.now = mirror.written;
    mirror.is_renewed = true;
    return true;
}

bool Mirrors::is_at_home(size_t number) const {
    const Mirror& mirror = mirrors_[number];
    return mirror.now.scheme == mirror.written.scheme && mirror.now.host == mirror.written.host
           && mirror.now.port == mirror.written.port;
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

} // namespace mangrove::lazy
