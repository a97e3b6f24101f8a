#include "head/rollout/window.h"

#include <algorithm>

namespace mangrove::head {

namespace {

constexpr std::array<std::string_view, 7> kDays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr int64_t kMinutes = 24 * 60;

Result<size_t> read_day(std::string_view written) {
    const auto* found = std::ranges::find(kDays, lower_case(written));
    if (found == kDays.end())
        return permanent_error("'", written, "': expected a day: Mon, Tue, Wed, Thu, Fri, Sat or Sun");
    return static_cast<size_t>(found - kDays.begin());
}

/// "Mon-Fri,Sun"
Result<std::array<bool, 7>> read_days(std::string_view written) {
    std::array<bool, 7> days = {};
    for (const std::string& range : split(written, ',')) {
        size_t dash = range.find('-');
        size_t first = TRY(read_day(range.substr(0, dash)));
        size_t last = dash == std::string::npos ? first : TRY(read_day(range.substr(dash + 1)));
        for (size_t day = first;; day = (day + 1) % kDays.size()) {
            days[day] = true;
            if (day == last) break;
        }
    }
    return days;
}

/// "20:00", in minutes
Result<int64_t> read_time(std::string_view written) {
    bool has_form = written.size() == 5 && written[2] == ':';
    std::optional<uint64_t> hours = has_form ? parse_number(written.substr(0, 2)) : std::nullopt;
    std::optional<uint64_t> minutes = has_form ? parse_number(written.substr(3)) : std::nullopt;
    if (!hours || !minutes || *minutes > 59 || *hours * 60 + *minutes > static_cast<uint64_t>(kMinutes))
        return permanent_error("'", written, "': expected a time from 00:00 to 24:00");
    return static_cast<int64_t>(*hours * 60 + *minutes);
}

std::vector<std::string> words_of(std::string_view written) {
    std::vector<std::string> words = split(written, ' ');
    std::erase(words, "");
    return words;
}

} // namespace

Result<Window> Window::parse(std::string_view written, const std::filesystem::path& zones) {
    std::vector<std::string> words = words_of(written);
    if (words.size() != 2 && words.size() != 3)
        return permanent_error("window '", written,
                               "': expected DAYS FROM-TO ZONE, such as 'Mon-Fri 20:00-06:00 Europe/Madrid'");
    Window window;
    window.opens_on_.fill(true);
    if (words.size() == 3) window.opens_on_ = TRY(read_days(words[0]), "reading the window '", written, "'");
    const std::string& hours = words[words.size() - 2];
    size_t dash = std::min(hours.find('-'), hours.size() - 1);
    window.from_ = TRY(read_time(hours.substr(0, dash)), "reading the window '", written, "'");
    window.to_ = TRY(read_time(hours.substr(dash + 1)), "reading the window '", written, "'");
    if (window.from_ == window.to_ || window.from_ == kMinutes)
        return permanent_error("window '", written, "': it never opens; all day is 00:00-24:00");
    window.zone_ = TRY(TimeZone::load(words.back(), zones), "reading the window '", written, "'");
    return window;
}

bool Window::is_open(int64_t moment) const {
    int64_t minutes = floor_divide(moment + zone_.offset_at(moment), 60);
    int64_t days = floor_divide(minutes, kMinutes);
    int64_t minute = minutes - days * kMinutes;
    // 1970 began on a Thursday.
    auto opens_on = [&](int64_t day) { return opens_on_[static_cast<size_t>(((day + 4) % 7 + 7) % 7)]; };
    if (from_ < to_) return opens_on(days) && minute >= from_ && minute < to_;
    return (opens_on(days) && minute >= from_) || (opens_on(days - 1) && minute < to_);
}

} // namespace mangrove::head
