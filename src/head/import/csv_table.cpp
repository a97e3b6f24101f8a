#include "head/import/csv_table.h"

#include <algorithm>

namespace mangrove::head {

namespace {

class Parser {
  public:
    Parser(std::string_view contents, char separator, const std::string& file)
        : rest_(contents), separator_(separator), file_(file) {}

    Result<std::vector<CsvRow>> parse() {
        while (!rest_.empty()) {
            CsvRow row{.line = line_};
            do {
                row.cells.push_back(TRY(cell()));
            } while (take(separator_));
            end_line();
            bool is_empty = std::ranges::all_of(row.cells, &std::string::empty);
            if (!is_empty) rows_.push_back(std::move(row));
        }
        return std::move(rows_);
    }

  private:
    bool take(char character) {
        if (!rest_.starts_with(character)) return false;
        rest_.remove_prefix(1);
        return true;
    }

    void end_line() {
        take('\r');
        if (take('\n')) ++line_;
    }

    Result<std::string> cell() {
        while (rest_.starts_with(' '))
            rest_.remove_prefix(1);
        return take('"') ? quoted_cell() : plain_cell();
    }

    Result<std::string> plain_cell() {
        size_t end = 0;
        while (end < rest_.size() && rest_[end] != separator_ && rest_[end] != '\n')
            ++end;
        std::string_view written = rest_.substr(0, end);
        rest_.remove_prefix(end);
        return std::string(trim(written));
    }

    Result<std::string> quoted_cell() {
        size_t first_line = line_;
        std::string cell;
        while (!rest_.empty()) {
            char character = rest_[0];
            rest_.remove_prefix(1);
            if (character == '"' && !take('"')) return end_of_quoted(std::move(cell));
            if (character == '\n') ++line_;
            cell += character;
        }
        return permanent_error(file_, ":", first_line,
                               ": a quoted field does not end; add the '\"' behind it");
    }

    Result<std::string> end_of_quoted(std::string cell) {
        while (rest_.starts_with(' '))
            rest_.remove_prefix(1);
        bool is_end =
            rest_.empty() || rest_[0] == separator_ || rest_[0] == '\n' || rest_.starts_with("\r\n");
        if (is_end) return cell;
        return permanent_error(file_, ":", line_,
                               ": text after the closing quote of a field; write \"\" for a quote in it");
    }

    std::string_view rest_;
    char separator_;
    const std::string& file_;
    size_t line_ = 1;
    std::vector<CsvRow> rows_;
};

} // namespace

Result<std::vector<CsvRow>> parse_csv(std::string_view contents, char separator, const std::string& file) {
    return Parser(contents, separator, file).parse();
}

char separator_of(std::string_view contents) {
    std::string_view header = contents.substr(0, contents.find('\n'));
    for (char separator : {',', ';', '\t'})
        if (header.contains(separator)) return separator;
    return ',';
}

} // namespace mangrove::head
