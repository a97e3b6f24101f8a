#include "base/utc_time.h"

#include "base/text.h"

namespace mangrove {

namespace {

using namespace std::chrono;

std::string two_digits(unsigned number) {
    return text(number < 10 ? "0" : "", number);
}

} // namespace

std::optional<sys_seconds> parse_utc_digits(std::string_view digits) {
    bool is_known = digits.size() == 8 || digits.size() == 12 || digits.size() == 14;
    if (!is_known || digits.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    auto part = [digits](size_t begin, size_t count) {
        return begin < digits.size() ? static_cast<unsigned>(*parse_number(digits.substr(begin, count))) : 0;
    };
    year_month_day date(year(static_cast<int>(part(0, 4))), month(part(4, 2)), day(part(6, 2)));
    if (!date.ok() || part(8, 2) > 23 || part(10, 2) > 59 || part(12, 2) > 59) return std::nullopt;
    return sys_days(date) + hours(part(8, 2)) + minutes(part(10, 2)) + seconds(part(12, 2));
}

std::optional<sys_seconds> parse_utc(std::string_view written) {
    constexpr std::string_view kForm = "0000-00-00T00:00:00Z";
    if (written.size() != kForm.size() && written.size() != kForm.find('T')) return std::nullopt;
    std::string digits;
    for (size_t i = 0; i < written.size(); ++i) {
        if (kForm[i] == '0')
            digits += written[i];
        else if (written[i] != kForm[i])
            return std::nullopt;
    }
    return parse_utc_digits(digits);
}

std::string utc_text(sys_seconds time) {
    sys_days midnight = floor<days>(time);
    year_month_day date(midnight);
    hh_mm_ss clock(time - midnight);
    return text(static_cast<int>(date.year()), '-', two_digits(static_cast<unsigned>(date.month())), '-',
                two_digits(static_cast<unsigned>(date.day())), 'T',
                two_digits(static_cast<unsigned>(clock.hours().count())), ':',
                two_digits(static_cast<unsigned>(clock.minutes().count())), ':',
                two_digits(static_cast<unsigned>(clock.seconds().count())), 'Z');
}

} // namespace mangrove
