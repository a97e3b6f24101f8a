#include "machine/kernel_command_line.h"

#include <fstream>
#include <gtest/gtest.h>

namespace mangrove {
namespace {

TEST(KernelCommandLine, SplitsAsTheKernelDoes) {
    KernelCommandLine line = KernelCommandLine::parse("quiet a=1 b=\"x y\" \"c=d e\" a=2 =\n");
    EXPECT_EQ(line.value("a"), "2");
    EXPECT_EQ(line.values("a"), (std::vector<std::string>{"1", "2"}));
    EXPECT_EQ(line.value("b"), "x y");
    EXPECT_EQ(line.value("c"), "d e");
    EXPECT_EQ(line.value("quiet"), std::nullopt);
    ASSERT_FALSE(line.arguments().empty());
    EXPECT_FALSE(line.arguments()[0].has_value);
}

TEST(KernelCommandLine, ItsPageListsWhatTheCodeReads) {
    std::ifstream page(std::string(SOURCE_DIRECTORY) + "/kernel-cmdline.md");
    std::vector<std::string> documented, read;
    for (std::string line; std::getline(page, line) && !line.starts_with("## ");)
        if (line.starts_with("| `")) documented.push_back(line);
    for (const KnownArgument& argument : known_arguments())
        read.push_back(text("| `", argument.name, "` | ", argument.meaning, " |"));
    EXPECT_EQ(documented, read);
}

} // namespace
} // namespace mangrove
