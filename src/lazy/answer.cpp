#include "lazy/answer.h"

#include <algorithm>

namespace mangrove::lazy {

namespace {

struct ContentRange {
    uint64_t first = 0;
    uint64_t last = 0;
    uint64_t size = 0;
};

/// "bytes 0-4095/8192"; a server that does not know the size is of no use.
std::optional<ContentRange> parse_range(std::string_view written) {
    constexpr std::string_view kUnit = "bytes ";
    if (!lower_case(written.substr(0, kUnit.size())).starts_with(kUnit)) return std::nullopt;
    written.remove_prefix(kUnit.size());
    size_t dash = written.find('-');
    size_t slash = written.find('/');
    if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash)
        return std::nullopt;
    std::optional<uint64_t> first = parse_number(written.substr(0, dash));
    std::optional<uint64_t> last = parse_number(written.substr(dash + 1, slash - dash - 1));
    std::optional<uint64_t> size = parse_number(trim(written.substr(slash + 1)));
    if (!first || !last || !size || *last < *first || *last >= *size) return std::nullopt;
    return ContentRange{*first, *last, *size};
}

bool is_tag(const std::string& version) {
    return version.starts_with('"') || version.starts_with("W/");
}

/// A part that was asked for by If-Range need not repeat a date (RFC 9110, 15.3.7).
bool is_same_version(const RangeHead& head, const std::string& known) {
    if (known.empty()) return true;
    const std::string& now = is_tag(known) ? head.etag : head.last_modified;
    return now.empty() ? !condition_of(known).empty() : now == known;
}

Judged not_good(Verdict verdict, std::string reason) {
    return {.verdict = verdict, .reason = std::move(reason)};
}

Judged judge_whole(const RangeHead& head, const Wanted& wanted) {
    if (!wanted.version.empty() && !version_of(head).empty() && version_of(head) != wanted.version)
        return not_good(Verdict::changed, "the file has changed on the server");
    return not_good(Verdict::refused, "the server supports no range requests: it answered 200, not 206");
}

Judged judge_part(const RangeHead& head, const Wanted& wanted) {
    std::optional<ContentRange> range = parse_range(head.content_range);
    if (!range)
        return not_good(Verdict::refused,
                        head.content_range.starts_with("bytes")
                            ? "the server sent an invalid Content-Range"
                            : "the server sent a part without a Content-Range of one range");
    if (!head.content_encoding.empty() && lower_case(head.content_encoding) != "identity")
        return not_good(Verdict::refused, "the server sent the part compressed (Content-Encoding)");
    if ((wanted.size && range->size != *wanted.size) || !is_same_version(head, wanted.version))
        return not_good(Verdict::changed, "the file has changed on the server");
    uint64_t length = std::min(wanted.length, range->size - std::min(wanted.offset, range->size));
    if (range->first != wanted.offset || range->last - range->first + 1 != length)
        return not_good(Verdict::refused,
                        text("the server sent the bytes ", range->first, " to ", range->last, ", not ",
                             wanted.offset, " to ", wanted.offset + length - 1));
    return {.verdict = Verdict::good, .size = range->size, .length = length, .version = version_of(head)};
}

} // namespace

std::string version_of(const RangeHead& head) {
    // A longer one does not fit into the shared memory.
    constexpr size_t kLongest = 200;
    const std::string& version = is_tag(head.etag) ? head.etag : head.last_modified;
    return version.size() > kLongest ? std::string() : version;
}

std::string condition_of(const std::string& version) {
    return version.starts_with("W/") ? std::string() : version;
}

bool may_pass(unsigned status) {
    return status == 408 || status == 425 || status == 429 || status >= 500;
}

Judged judge(const RangeHead& head, const Wanted& wanted) {
    constexpr unsigned kOk = 200, kPartialContent = 206, kPreconditionFailed = 412, kNotSatisfiable = 416;
    if (head.status == kPartialContent) return judge_part(head, wanted);
    if (head.status == kOk) return judge_whole(head, wanted);
    std::string answered = text("the server answered ", head.status);
    if (!head.refusal.empty()) answered += text(" (", head.refusal, ")");
    if (head.refusal == "RequestTimeTooSkewed") answered += ": the clock of this node is wrong";
    if (head.status == kNotSatisfiable && !wanted.size)
        return not_good(Verdict::refused, answered + ": the file is empty");
    if (head.status == kNotSatisfiable || head.status == kPreconditionFailed)
        return not_good(Verdict::changed, "the file has changed on the server");
    if (!head.redirect.empty()) return not_good(Verdict::redirect, answered);
    return not_good(may_pass(head.status) ? Verdict::away : Verdict::refused, answered);
}

} // namespace mangrove::lazy
