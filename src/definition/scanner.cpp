#include "definition/scanner.h"

#include <cmath>
#include <cstdlib>
#include <set>

#include "base/utf8.h"

namespace mangrove::definition {

std::string member_path(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : text(path, ".", key);
}

std::string element_path(const std::string& path, size_t index) {
    return text(path, "[", index, "]");
}

namespace {

/// Deep enough for any sensible nesting of mounts; each level is a call here and in cJSON.
constexpr size_t kMaximumDepth = 64;

class Scanner {
  public:
    explicit Scanner(std::string_view whole) : rest_(whole) {}

    Scan run() {
        skip_blanks();
        if (rest_.empty()) fail("", "the definition is empty");
        scan_value("", 0);
        skip_blanks();
        if (!failed_ && !rest_.empty()) fail("", "text after the end of the definition");
        result_.is_json = !failed_;
        return std::move(result_);
    }

  private:
    void complain(const std::string& path, std::string what, Position where) {
        result_.problems.push_back({path, std::move(what), where.line, where.column});
    }
    /// Reports a problem after which reading cannot go on; later ones are dropped.
    void fail(const std::string& path, std::string what) {
        if (!failed_) complain(path, std::move(what), here_);
        failed_ = true;
        rest_ = {};
    }
    void expected(const std::string& path, std::string_view what) {
        fail(path,
             text("expected ", what, rest_.empty() ? ", found the end of the text: is it truncated?" : ""));
    }
    void skip(size_t bytes) {
        for (char c : rest_.substr(0, bytes)) {
            if (c == '\n') {
                ++here_.line;
                here_.column = 1;
            } else if ((static_cast<uint8_t>(c) & 0xc0) != 0x80) {
                ++here_.column;
            }
        }
        rest_.remove_prefix(bytes);
    }
    void skip_blanks() {
        size_t end = rest_.find_first_not_of(" \t\r\n");
        skip(end == std::string_view::npos ? rest_.size() : end);
    }
    bool take(char c) {
        if (rest_.empty() || rest_.front() != c) return false;
        skip(1);
        return true;
    }

    void scan_value(const std::string& path, size_t depth) {
        if (failed_) return;
        if (depth > kMaximumDepth) return fail(path, text("nested deeper than ", kMaximumDepth, " levels"));
        result_.positions.emplace(path, here_);
        if (rest_.empty()) return fail(path, "expected a value, found the end of the text: is it truncated?");
        char c = rest_.front();
        if (c == '{') return scan_object(path, depth);
        if (c == '[') return scan_array(path, depth);
        if (c == '"') return static_cast<void>(scan_string(path));
        if (c == '-' || (c >= '0' && c <= '9')) return scan_number(path);
        for (std::string_view word : {"true", "false", "null"})
            if (rest_.starts_with(word)) return skip(word.size());
        fail(path, c == '\0' ? "expected a value, found a NUL byte" : "expected a value");
    }

    void scan_object(const std::string& path, size_t depth) {
        skip(1);
        std::set<std::string> keys;
        skip_blanks();
        if (take('}')) return;
        for (;;) {
            skip_blanks();
            Position where = here_;
            if (rest_.empty() || rest_.front() != '"') return expected(path, "a key in double quotes");
            std::string key = scan_string(path);
            if (failed_) return;
            std::string child = member_path(path, key);
            if (!keys.insert(key).second) complain(child, "duplicate key", where);
            skip_blanks();
            if (!take(':')) return expected(child, "':' after the key");
            skip_blanks();
            scan_value(child, depth + 1);
            skip_blanks();
            if (failed_ || take('}')) return;
            if (!take(',')) return expected(path, "',' or '}'");
        }
    }

    void scan_array(const std::string& path, size_t depth) {
        skip(1);
        skip_blanks();
        if (take(']')) return;
        for (size_t index = 0;; ++index) {
            skip_blanks();
            scan_value(element_path(path, index), depth + 1);
            skip_blanks();
            if (failed_ || take(']')) return;
            if (!take(',')) return expected(path, "',' or ']'");
        }
    }

    /// Returns the text between the quotes as it stands, escapes and all: keys with escapes differ from ours.
    std::string scan_string(const std::string& path) {
        skip(1);
        std::string raw;
        while (!rest_.empty()) {
            char c = rest_.front();
            if (c == '"') {
                skip(1);
                return raw;
            }
            size_t length = c == '\\' ? escape_length() : character_length(rest_);
            if (c == '\0') return fail(path, "a NUL byte in a string"), raw;
            if (static_cast<uint8_t>(c) < 0x20)
                return fail(path, "a control character in a string; write it as \\u00XX"), raw;
            if (length == 0)
                return fail(path, c == '\\' ? "an unknown escape in a string" : "bytes that are not UTF-8"),
                       raw;
            raw += rest_.substr(0, length);
            skip(length);
        }
        fail(path, "a string without its closing quote");
        return raw;
    }

    size_t escape_length() const {
        if (rest_.size() < 2) return 0;
        if (rest_[1] != 'u')
            return std::string_view("\"\\/bfnrt").find(rest_[1]) == std::string_view::npos ? 0 : 2;
        if (rest_.size() < 6 || !parse_number(rest_.substr(2, 4), 16)) return 0;
        // A string of ours ends at its first NUL wherever the kernel takes it.
        return rest_.substr(2, 4) == "0000" ? 0 : 6;
    }

    void scan_number(const std::string& path) {
        size_t end = rest_.find_first_not_of("+-.0123456789eE");
        std::string number(rest_.substr(0, end));
        Position where = here_;
        std::string_view digits = std::string_view(number).substr(number.starts_with("-") ? 1 : 0);
        if (digits.size() > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9')
            return fail(path, text("a number with a leading zero: ", number.substr(0, 40)));
        char* parsed = nullptr;
        double value = std::strtod(number.c_str(), &parsed);
        bool misplaced_dot = digits.starts_with(".") || number.ends_with(".")
                             || number.find(".e") != std::string::npos
                             || number.find(".E") != std::string::npos;
        if (*parsed != '\0' || misplaced_dot) return fail(path, text("not a number: ", number.substr(0, 40)));
        skip(number.size());
        if (!std::isfinite(value))
            complain(path, text("the number ", number.substr(0, 40), " is out of range"), where);
    }

    std::string_view rest_;
    Position here_ = {1, 1};
    Scan result_;
    bool failed_ = false;
};

} // namespace

Scan scan(std::string_view text) {
    return Scanner(text).run();
}

} // namespace mangrove::definition
