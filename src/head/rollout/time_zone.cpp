#include "head/rollout/time_zone.h"

#include <algorithm>
#include <chrono>

#include "base/whole_file.h"

namespace mangrove::head {

namespace {

constexpr int64_t kDay = 86'400;

/// Reads a POSIX rule from left to right.
class RuleText {
  public:
    explicit RuleText(std::string_view rest) : rest_(rest) {}

    bool is_at_end() const { return rest_.empty(); }
    bool skip(char character) {
        if (!rest_.starts_with(character)) return false;
        rest_.remove_prefix(1);
        return true;
    }

    /// "CET", or "<+03>"
    bool skip_name() {
        bool is_quoted = skip('<');
        size_t length = 0;
        auto is_part = [&](char letter) {
            bool is_letter = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
            bool is_other = (letter >= '0' && letter <= '9') || letter == '+' || letter == '-';
            return is_letter || (is_quoted && is_other);
        };
        while (length < rest_.size() && is_part(rest_[length]))
            ++length;
        rest_.remove_prefix(length);
        return length >= 3 && (!is_quoted || skip('>'));
    }

    std::optional<int> number(int least, int most) {
        size_t length = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
        std::optional<uint64_t> value = parse_number(rest_.substr(0, length));
        if (!value || *value > static_cast<uint64_t>(most) || static_cast<int>(*value) < least) return {};
        rest_.remove_prefix(length);
        return static_cast<int>(*value);
    }

    /// "[+-]hh[:mm[:ss]]", in seconds
    std::optional<int64_t> time() {
        bool is_negative = skip('-');
        if (!is_negative) skip('+');
        std::optional<int> hours = number(0, 167);
        if (!hours) return {};
        int64_t seconds = *hours * int64_t(3600);
        for (int unit : {60, 1}) {
            if (!skip(':')) break;
            std::optional<int> part = number(0, 59);
            if (!part) return {};
            seconds += *part * int64_t(unit);
        }
        return is_negative ? -seconds : seconds;
    }

    /// "M3.5.0/2", "J60", "59/-1"
    std::optional<ZoneRule::Day> day() {
        ZoneRule::Day day;
        if (!(skip('M') ? read_month(day) : read_day(day))) return {};
        day.time = 2 * 3600;
        if (!skip('/')) return day;
        std::optional<int64_t> at = time();
        if (!at) return {};
        day.time = *at;
        return day;
    }

  private:
    bool read_month(ZoneRule::Day& day) {
        std::optional<int> month = number(1, 12);
        std::optional<int> week = month && skip('.') ? number(1, 5) : std::nullopt;
        std::optional<int> weekday = week && skip('.') ? number(0, 6) : std::nullopt;
        if (!weekday) return false;
        day.month = *month;
        day.week = *week;
        day.weekday = *weekday;
        return true;
    }

    bool read_day(ZoneRule::Day& day) {
        bool is_without_leap = skip('J');
        day.kind = is_without_leap ? ZoneRule::Day::Kind::day_without_leap : ZoneRule::Day::Kind::day_of_year;
        std::optional<int> number_of_day = is_without_leap ? number(1, 365) : number(0, 365);
        day.day = number_of_day.value_or(0);
        return number_of_day.has_value();
    }

    std::string_view rest_;
};

std::chrono::year year_of(int64_t moment) {
    std::chrono::sys_days day{std::chrono::days(floor_divide(moment, kDay))};
    return std::chrono::year_month_day(day).year();
}

/// Days since 1970 of the rule's day in a year.
int64_t day_in(const ZoneRule::Day& rule, std::chrono::year year) {
    using namespace std::chrono;
    if (rule.kind == ZoneRule::Day::Kind::month_week_day) {
        month in_month(static_cast<unsigned>(rule.month));
        weekday on(static_cast<unsigned>(rule.weekday));
        sys_days found = rule.week == 5 ? sys_days(year / in_month / on[last])
                                        : sys_days(year / in_month / on[static_cast<unsigned>(rule.week)]);
        return found.time_since_epoch().count();
    }
    int64_t first = sys_days(year / January / 1).time_since_epoch().count();
    if (rule.kind == ZoneRule::Day::Kind::day_of_year) return first + rule.day;
    return first + rule.day - 1 + (year.is_leap() && rule.day >= 60 ? 1 : 0);
}

/// Reads big-endian numbers; behind the end, `is_good` becomes false.
class FileText {
  public:
    explicit FileText(std::string_view rest) : rest_(rest) {}

    int64_t number(size_t bytes) {
        std::string_view raw = take(bytes);
        uint64_t value = !raw.empty() && static_cast<int8_t>(raw[0]) < 0 ? ~uint64_t(0) : 0;
        for (char byte : raw)
            value = value << 8 | static_cast<uint8_t>(byte);
        return static_cast<int64_t>(value);
    }
    std::string_view take(size_t bytes) {
        is_good = is_good && bytes <= rest_.size();
        std::string_view taken = is_good ? rest_.substr(0, bytes) : std::string_view();
        if (is_good) rest_.remove_prefix(bytes);
        return taken;
    }
    std::string_view rest() const { return rest_; }

    bool is_good = true;

  private:
    std::string_view rest_;
};

struct Header {
    bool is_known = false;
    size_t utc_flags, standard_flags, leaps, changes, types, letters;
};

Header read_header(FileText& file) {
    Header header = {};
    std::string_view magic = file.take(4);
    std::string_view version = file.take(1);
    file.take(15);
    for (size_t* count : {&header.utc_flags, &header.standard_flags, &header.leaps, &header.changes,
                          &header.types, &header.letters})
        *count = static_cast<uint32_t>(file.number(4));
    header.is_known = file.is_good && magic == "TZif" && version >= "2";
    return header;
}

/// The size of what follows a header, whose times have `bytes` each.
size_t size_of_block(const Header& header, size_t bytes) {
    return header.changes * (bytes + 1) + header.types * 6 + header.letters + header.leaps * (bytes + 4)
           + header.standard_flags + header.utc_flags;
}

bool is_zone_name(std::string_view name) {
    constexpr std::string_view kLetters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";
    return !name.empty() && name.front() != '/' && name.find_first_not_of(kLetters) == std::string_view::npos;
}

} // namespace

Result<ZoneRule> ZoneRule::parse(std::string_view written) {
    auto bad = [&] { return permanent_error("invalid rule of a time zone: '", written, "'"); };
    RuleText text(written);
    ZoneRule rule;
    std::optional<int64_t> west = text.skip_name() ? text.time() : std::nullopt;
    if (!west) return bad();
    rule.standard_ = -*west;
    if (text.is_at_end()) return rule;
    if (!text.skip_name()) return bad();
    rule.summer_ = rule.standard_ + 3600;
    if (!text.skip(',')) {
        std::optional<int64_t> summer_west = text.time();
        if (!summer_west || !text.skip(',')) return bad();
        rule.summer_ = -*summer_west;
    }
    std::optional<Day> begin = text.day();
    std::optional<Day> end = begin && text.skip(',') ? text.day() : std::nullopt;
    if (!end || !text.is_at_end()) return bad();
    rule.begin_ = *begin;
    rule.end_ = *end;
    return rule;
}

int64_t ZoneRule::offset_at(int64_t moment) const {
    if (!summer_) return standard_;
    std::chrono::year year = year_of(moment + standard_);
    int64_t begin = day_in(begin_, year) * kDay + begin_.time - standard_;
    int64_t end = day_in(end_, year) * kDay + end_.time - *summer_;
    // South of the equator, summer time begins in one year and ends in the next.
    bool is_summer = begin < end ? moment >= begin && moment < end : moment >= begin || moment < end;
    return is_summer ? *summer_ : standard_;
}

Result<TimeZone> TimeZone::load(const std::string& name, const std::filesystem::path& directory) {
    if (!is_zone_name(name))
        return permanent_error("'", name, "': expected a time zone, such as Europe/Madrid");
    Result<std::string> contents = read_file(directory / name);
    if (!contents)
        return permanent_error("time zone ", name, ": not found in ", directory.native(),
                               "; install tzdata, or see 'timedatectl list-timezones'");
    return parse(*contents, name);
}

Result<TimeZone> TimeZone::parse(std::string_view contents, std::string_view name) {
    auto bad = [&](std::string_view problem) {
        return permanent_error("time zone ", name, ": damaged file: ", problem);
    };
    FileText file(contents);
    Header first = read_header(file);
    if (!first.is_known) return bad("no header of version 2 or later");
    file.take(size_of_block(first, 4));
    Header header = read_header(file);
    if (!header.is_known || size_of_block(header, 8) > file.rest().size()) return bad("too short");
    TimeZone zone;
    for (size_t i = 0; i < header.changes; ++i)
        zone.changes_.push_back(file.number(8));
    std::string_view kinds = file.take(header.changes);
    std::vector<int64_t> types;
    for (size_t i = 0; i < header.types; ++i) {
        types.push_back(file.number(4));
        file.take(2);
    }
    if (types.empty() || !std::ranges::is_sorted(zone.changes_))
        return bad("no types, or changes out of order");
    for (char kind : kinds) {
        if (static_cast<uint8_t>(kind) >= types.size()) return bad("unknown type");
        zone.offsets_.push_back(types[static_cast<uint8_t>(kind)]);
    }
    zone.first_ = types[0];
    file.take(header.letters + header.leaps * 12 + header.standard_flags + header.utc_flags);
    std::string_view footer = file.rest();
    if (footer.size() < 2 || footer.front() != '\n' || footer.back() != '\n') return bad("no footer");
    if (footer.size() > 2) zone.rule_ = TRY(ZoneRule::parse(footer.substr(1, footer.size() - 2)));
    return zone;
}

int64_t TimeZone::offset_at(int64_t moment) const {
    auto after = std::ranges::upper_bound(changes_, moment);
    if (after == changes_.end() && rule_) return rule_->offset_at(moment);
    if (after == changes_.begin()) return first_;
    return offsets_[static_cast<size_t>(after - changes_.begin()) - 1];
}

} // namespace mangrove::head
