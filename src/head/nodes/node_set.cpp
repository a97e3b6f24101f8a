/// Node sets in the syntax of ClusterShell 1.9 (NodeSet.py, RangeSet.py), less what no host name has: blanks
/// and negative numbers.

#include "head/nodes/node_set.h"

#include <algorithm>
#include <iterator>
#include <map>

namespace mangrove::head {

namespace {

using Names = std::vector<std::string>;

constexpr std::string_view kOperators = ",!&^";
constexpr size_t kMaxDigits = 18; ///< of a number, which has to fit into 64 bits

bool is_digit(char character) {
    return character >= '0' && character <= '9';
}

bool is_name_character(char character) {
    return is_digit(character) || (character >= 'a' && character <= 'z')
           || (character >= 'A' && character <= 'Z') || character == '.' || character == '_'
           || character == '-';
}

/// Numbers as they are written: their leading zeros count.
bool number_less(std::string_view left, std::string_view right) {
    return left.size() != right.size() ? left.size() < right.size() : left < right;
}

/// Takes the digits, or all else, that the rest of a name begins with.
std::string_view take_while(std::string_view& rest, bool digits) {
    size_t size = 0;
    while (size < rest.size() && is_digit(rest[size]) == digits)
        ++size;
    std::string_view taken = rest.substr(0, size);
    rest.remove_prefix(size);
    return taken;
}

/// "r1n02" as the texts "r", "n", "" around its numbers "1", "02".
struct Name {
    Names texts = {""};
    Names numbers = {};

    explicit Name(std::string_view written) {
        bool in_number = false;
        for (char character : written) {
            if (is_digit(character) && !in_number) numbers.emplace_back();
            if (!is_digit(character) && in_number) texts.emplace_back();
            in_number = is_digit(character);
            (in_number ? numbers : texts).back() += character;
        }
        if (in_number) texts.emplace_back();
    }
};

std::unexpected<Error> bad_range(std::string_view operand, std::string_view range, std::string_view problem) {
    return permanent_error("'", operand, "': invalid range '", range, "': ", problem);
}

std::string padded(uint64_t number, size_t width) {
    std::string digits = text(number);
    return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
}

/// Appends the numbers of "1-10/2".
Result<> add_range(std::string_view operand, std::string_view range, Names& numbers) {
    size_t slash = range.find('/');
    std::string_view bounds = range.substr(0, slash);
    std::optional<uint64_t> step =
        slash == std::string_view::npos ? 1 : parse_number(range.substr(slash + 1));
    size_t dash = bounds.find('-');
    std::string_view first = bounds.substr(0, dash);
    std::string_view last = dash == std::string_view::npos ? first : bounds.substr(dash + 1);
    if (first.size() > kMaxDigits || last.size() > kMaxDigits)
        return bad_range(operand, range, "a number has too many digits");
    std::optional<uint64_t> begin = parse_number(first);
    std::optional<uint64_t> end = parse_number(last);
    if (!begin || !end || !step)
        return bad_range(operand, range, "expected NUMBER, FIRST-LAST or FIRST-LAST/STEP");
    if (*begin > *end) return bad_range(operand, range, "the first number is larger than the last");
    if (*step == 0) return bad_range(operand, range, "the step is 0");
    bool is_padded = first.size() > 1 && first[0] == '0';
    bool last_is_padded = last.size() > 1 && last[0] == '0';
    if ((is_padded || last_is_padded) && first.size() != last.size())
        return bad_range(operand, range, "both numbers need the same number of digits");
    if ((*end - *begin) / *step >= kMaxNodes) return bad_range(operand, range, "too many nodes");
    for (uint64_t number = *begin; number <= *end; number += *step)
        numbers.push_back(padded(number, is_padded ? first.size() : 0));
    return {};
}

Result<Names> expand_pattern(std::string_view operand) {
    Names names = {""};
    for (size_t at = 0; at < operand.size();) {
        if (operand[at] != '[') {
            if (!is_name_character(operand[at]))
                return permanent_error("'", operand, "': unexpected character '", operand[at],
                                       "'; a node name has letters, digits, '.', '_' and '-'");
            for (std::string& name : names)
                name += operand[at];
            ++at;
            continue;
        }
        size_t close = operand.find(']', at);
        if (close == std::string_view::npos) return permanent_error("'", operand, "': ']' is missing");
        Names numbers;
        for (const std::string& range : split(operand.substr(at + 1, close - at - 1), ','))
            TRY(add_range(operand, range, numbers));
        if (names.size() * numbers.size() > kMaxNodes)
            return permanent_error("'", operand, "': too many nodes; the most are ", kMaxNodes);
        Names longer;
        longer.reserve(names.size() * numbers.size());
        for (const std::string& name : names)
            for (const std::string& number : numbers)
                longer.push_back(name + number);
        names = std::move(longer);
        at = close + 1;
        if (at < operand.size() && operand[at] == '[')
            return permanent_error("'", operand, "': two ranges need text between them");
    }
    return names;
}

void normalize(Names& names) {
    std::ranges::sort(names, NodeOrder());
    names.erase(std::unique(names.begin(), names.end()), names.end());
}

Result<Names> expand_operand(std::string_view operand, const NodeLookup& lookup) {
    bool is_looked_up =
        operand == "all" || operand.starts_with('@') || operand.find('=') != std::string::npos;
    Names names = is_looked_up ? TRY(lookup(operand)) : TRY(expand_pattern(operand));
    normalize(names);
    return names;
}

Names apply(char operation, const Names& left, const Names& right) {
    Names result;
    auto out = std::back_inserter(result);
    NodeOrder order;
    if (operation == ',') std::ranges::set_union(left, right, out, order);
    if (operation == '!') std::ranges::set_difference(left, right, out, order);
    if (operation == '&') std::ranges::set_intersection(left, right, out, order);
    if (operation == '^') std::ranges::set_symmetric_difference(left, right, out, order);
    return result;
}

/// The end of the operand that begins at `begin`: an operator outside brackets, or the end.
size_t operand_end(std::string_view expression, size_t begin) {
    bool in_brackets = false;
    for (size_t at = begin; at < expression.size(); ++at) {
        if (expression[at] == '[') in_brackets = true;
        if (expression[at] == ']') in_brackets = false;
        if (!in_brackets && kOperators.find(expression[at]) != std::string_view::npos) return at;
    }
    return expression.size();
}

/// Names that differ in their numbers alone, as a product: one list of numbers for each place.
using Product = std::vector<Names>;

/// Merges products that differ in the place `at` alone.
std::vector<Product> merge_place(const std::vector<Product>& products, size_t at) {
    std::vector<Product> merged;
    std::map<Product, size_t> known; // without the place, and where it went
    for (const Product& product : products) {
        Product key = product;
        key[at].clear();
        auto [found, is_new] = known.try_emplace(std::move(key), merged.size());
        if (is_new) {
            merged.push_back(product);
            continue;
        }
        Names& numbers = merged[found->second][at];
        numbers.insert(numbers.end(), product[at].begin(), product[at].end());
    }
    for (Product& product : merged)
        std::ranges::sort(product[at], number_less);
    return merged;
}

/// Whether `next` follows `number` in a range that begins with `first`.
bool continues_range(const std::string& first, const std::string& number, const std::string& next) {
    if (number.size() > kMaxDigits || next.size() > kMaxDigits) return false;
    bool is_padded = first.size() > 1 && first[0] == '0';
    return parse_number(number).value_or(0) + 1 == parse_number(next).value_or(0)
           && (!is_padded || number.size() == next.size());
}

/// "[1-3,5]"; "7" for a single number.
std::string fold_numbers(const Names& numbers) {
    if (numbers.size() == 1) return numbers[0];
    Names ranges;
    for (size_t begin = 0; begin < numbers.size();) {
        size_t end = begin + 1;
        while (end < numbers.size() && continues_range(numbers[begin], numbers[end - 1], numbers[end]))
            ++end;
        std::string last = end - begin == 1 ? "" : "-" + numbers[end - 1];
        ranges.push_back(numbers[begin] + last);
        begin = end;
    }
    return "[" + join(ranges, ",") + "]";
}

} // namespace

bool NodeOrder::operator()(const std::string& left, const std::string& right) const {
    std::string_view one = left;
    std::string_view other = right;
    std::optional<bool> is_less; // by the first number that differs
    while (true) {
        std::string_view word = take_while(one, false);
        std::string_view other_word = take_while(other, false);
        if (word != other_word) return word < other_word;
        if (one.empty() || other.empty())
            return one.empty() && other.empty() ? is_less.value_or(false) : one.empty();
        std::string_view number = take_while(one, true);
        std::string_view other_number = take_while(other, true);
        if (!is_less && number != other_number) is_less = number_less(number, other_number);
    }
}

Result<Names> expand_nodes(std::string_view expression, const NodeLookup& lookup) {
    expression = trim(expression);
    Names names;
    char operation = ',';
    for (size_t at = 0; at <= expression.size();) {
        size_t end = operand_end(expression, at);
        std::string_view operand = trim(expression.substr(at, end - at));
        if (operand.empty())
            return permanent_error("'", expression, "': a node or a group is missing at character ", at + 1);
        names = apply(operation, names, TRY(expand_operand(operand, lookup)));
        if (names.size() > kMaxNodes)
            return permanent_error("'", expression, "': too many nodes; the most are ", kMaxNodes);
        if (end < expression.size()) operation = expression[end];
        at = end + 1;
    }
    return names;
}

std::string fold_nodes(Names names) {
    normalize(names);
    std::map<Names, std::vector<Product>> patterns;
    for (const std::string& name : names) {
        Name parts(name);
        Product product;
        for (std::string& number : parts.numbers)
            product.push_back({std::move(number)});
        patterns[std::move(parts.texts)].push_back(std::move(product));
    }
    Names folded;
    for (auto& [texts, products] : patterns) {
        for (size_t place = texts.size() - 1; place > 0; --place)
            products = merge_place(products, place - 1);
        for (const Product& product : products) {
            std::string shown = texts[0];
            for (size_t i = 0; i < product.size(); ++i)
                shown += fold_numbers(product[i]) + texts[i + 1];
            folded.push_back(std::move(shown));
        }
    }
    return join(folded, ",");
}

} // namespace mangrove::head
