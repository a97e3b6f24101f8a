#include "head/nodes/node_set.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

#include "head/host/program.h"
#include "head/host/testing/full_tree.h"

namespace mangrove::head {
namespace {

Result<std::vector<std::string>> known_groups(std::string_view operand) {
    if (operand == "@compute") return std::vector<std::string>{"n2", "n1", "n3"};
    return permanent_error("unknown group '", operand, "'");
}

std::string expanded(std::string_view expression) {
    Result<std::vector<std::string>> names = expand_nodes(expression, known_groups);
    return names ? join(*names, " ") : "error: " + names.error().what;
}

std::string folded(std::string_view expression) {
    return fold_nodes(expand_nodes(expression, known_groups).value_or(std::vector<std::string>{"error"}));
}

TEST(NodeSet, ExpandsAsClusterShellDoes) {
    EXPECT_EQ(expanded("n[1-10/2,20]"), "n1 n3 n5 n7 n9 n20");
    EXPECT_EQ(expanded("n[001-003,10]"), "n10 n001 n002 n003");
    EXPECT_EQ(expanded("n[09-11]"), "n09 n10 n11");
    EXPECT_EQ(expanded("n[1-10]!n[2-4]&n[1-8]"), "n1 n5 n6 n7 n8");
    EXPECT_EQ(expanded("x,n[1-2]^n[2-3]"), "n1 n3 x");
    EXPECT_EQ(expanded("n[1-5]!n3,n3"), "n1 n2 n3 n4 n5");
    EXPECT_EQ(expanded("r[1-2]n[01-02]p"), "r1n01p r1n02p r2n01p r2n02p");
    EXPECT_EQ(expanded("@compute!n2"), "n1 n3");
    EXPECT_EQ(expanded("n1!n1"), "");
}

TEST(NodeSet, FoldsAsClusterShellDoes) {
    EXPECT_EQ(folded("n1,n01,n001"), "n[1,01,001]");
    EXPECT_EQ(folded("n[3,1,2]"), "n[1-3]");
    EXPECT_EQ(folded("n[99-101]"), "n[99-101]");
    EXPECT_EQ(folded("n[01-99],n100"), "n[01-99,100]");
    EXPECT_EQ(folded("n[0-0]"), "n0");
    EXPECT_EQ(folded("a1b2,a1b3,a2b2,a2b3"), "a[1-2]b[2-3]");
    EXPECT_EQ(folded("n1.example.org,n2.example.org,x"), "n[1-2].example.org,x");
    EXPECT_EQ(fold_nodes({}), "");
}

TEST(NodeSet, NamesWhatIsWrong) {
    EXPECT_EQ(expanded("n[1-2"), "error: 'n[1-2': ']' is missing");
    EXPECT_EQ(expanded("n[2-1]"),
              "error: 'n[2-1]': invalid range '2-1': the first number is larger than the last");
    EXPECT_EQ(expanded("n[1-02]"),
              "error: 'n[1-02]': invalid range '1-02': both numbers need the same number of digits");
    EXPECT_EQ(expanded("n[1-3/0]"), "error: 'n[1-3/0]': invalid range '1-3/0': the step is 0");
    EXPECT_EQ(expanded("n[]"),
              "error: 'n[]': invalid range '': expected NUMBER, FIRST-LAST or FIRST-LAST/STEP");
    EXPECT_EQ(expanded("n[1-2][3-4]"), "error: 'n[1-2][3-4]': two ranges need text between them");
    EXPECT_EQ(expanded("n1,,n2"), "error: 'n1,,n2': a node or a group is missing at character 4");
    EXPECT_EQ(expanded(""), "error: '': a node or a group is missing at character 1");
    EXPECT_EQ(expanded("n1 n2"),
              "error: 'n1 n2': unexpected character ' '; a node name has letters, digits, '.', "
              "'_' and '-'");
    EXPECT_EQ(expanded("@storage"), "error: unknown group '@storage'");
    EXPECT_EQ(expanded("n[1-999999999]"),
              "error: 'n[1-999999999]': invalid range '1-999999999': too many nodes");
    EXPECT_TRUE(expanded("a[1-9999]b[1-9999]").starts_with("error: 'a[1-9999]b[1-9999]': too many nodes"));
}

/// A random expression without errors, with one to three places for numbers.
std::string random_expression(std::mt19937& random) {
    auto below = [&](unsigned limit) { return static_cast<unsigned>(random() % limit); };
    auto number = [&](unsigned value, bool is_padded) {
        std::string digits = text(value);
        return is_padded ? std::string(4 - digits.size(), '0') + digits : digits;
    };
    std::string expression;
    for (unsigned operand = 0, count = 1 + below(4); operand < count; ++operand) {
        if (operand > 0) expression += ",!&^"[below(4)];
        expression += "nr"[below(2)];
        unsigned places = 1 + below(3);
        unsigned longest = places == 1 ? 20 : 4; // a product of long ranges takes minutes, and shows no more
        for (unsigned place = 0; place < places; ++place) {
            if (place > 0) expression += "-x";
            bool is_padded = below(3) == 0;
            expression += '[';
            for (unsigned range = 0, ranges = 1 + below(3); range < ranges; ++range) {
                unsigned first = below(120);
                if (range > 0) expression += ',';
                expression += number(first, is_padded);
                if (below(2) == 0) expression += "-" + number(first + below(longest), is_padded);
            }
            expression += ']';
        }
    }
    return expression;
}

/// The oracle reads an expression a line, and prints its nodes and, where it has one place alone, its folded
/// form.
constexpr const char* kOracle = R"(
import sys
from ClusterShell.NodeSet import NodeSet
for line in open(sys.argv[1]):
    nodes = NodeSet(line.strip())
    print(" ".join(nodes), "|", nodes)
)";

TEST(NodeSet, IsClusterShells) {
    if (!run_program({.words = {"/usr/bin/python3", "-c", "import ClusterShell"}}))
        GTEST_SKIP() << "ClusterShell is not installed";
    constexpr unsigned kExpressions = 2000;
    std::mt19937 random(20261129);
    std::vector<std::string> expressions;
    for (unsigned i = 0; i < kExpressions; ++i)
        expressions.push_back(random_expression(random));
    Stage directory = make_test_directory();
    std::filesystem::path list = directory.path / "expressions";
    ASSERT_TRUE(write_file(list, join(expressions, "\n") + "\n", 0600));
    Result<std::string> printed = run_program({.words = {"/usr/bin/python3", "-c", kOracle, list.native()}});
    ASSERT_TRUE(printed) << describe(printed.error());
    std::vector<std::string> lines = split(*printed, '\n');
    ASSERT_GE(lines.size(), expressions.size());
    for (size_t i = 0; i < expressions.size(); ++i) {
        std::vector<std::string> names =
            expand_nodes(expressions[i], known_groups).value_or(std::vector<std::string>{"error"});
        size_t bar = lines[i].find(" |");
        std::vector<std::string> expected = split(lines[i].substr(0, bar), ' ');
        std::erase(expected, "");
        std::ranges::sort(expected, NodeOrder());
        EXPECT_EQ(join(names, " "), join(expected, " ")) << expressions[i];
        if (names.empty()) continue;
        EXPECT_EQ(expand_nodes(fold_nodes(names), known_groups), names) << expressions[i];
        bool has_one_place = expressions[i].find("-x") == std::string::npos;
        if (has_one_place) {
            EXPECT_EQ(fold_nodes(names), lines[i].substr(bar + 3)) << expressions[i];
        }
    }
}

} // namespace
} // namespace mangrove::head
