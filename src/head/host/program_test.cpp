#include "head/host/program.h"

#include <gtest/gtest.h>

#include "head/host/testing/collected_progress.h"
#include "head/host/testing/full_tree.h"

namespace mangrove::head {

namespace {

TEST(ProgramTest, what_it_prints_becomes_notes_as_it_comes) {
    CollectedProgress progress;
    Program program{.words = {"sh", "-c", "echo one; printf '10%%\\r100%%\\n'; echo two >&2; printf three"}};
    program.noted = Noted::everything;
    EXPECT_EQ(run_program(program, progress).value(), "");
    EXPECT_EQ(progress.notes, (std::vector<std::string>{"one", "100%", "two", "three"}));
    program.words = {"sh", "-c", "exec >/dev/null 2>&1; sleep 0.2"};
    EXPECT_TRUE(run_program(program, progress)) << "one that closes what it prints to";
}

TEST(ProgramTest, errors_of_one_that_succeeds_become_notes) {
    CollectedProgress progress;
    Program program{.words = {"sh", "-c", "echo out; echo careful >&2"}};
    program.noted = Noted::errors;
    EXPECT_EQ(run_program(program, progress).value(), "out\n");
    EXPECT_EQ(progress.notes, std::vector<std::string>{"careful"});
}

TEST(ProgramTest, one_that_hangs_is_killed) {
    Program program{.words = {"sleep", "100"}, .limit = std::chrono::seconds(1)};
    Result<std::string> ran = run_program(program);
    ASSERT_FALSE(ran);
    EXPECT_EQ(ran.error().what, "sleep did not end within 1 s");
    EXPECT_TRUE(ran.error().is_transient());
}

TEST(ProgramTest, what_it_reads_is_an_advance) {
    Stage work = make_test_directory();
    shell(work.path, "truncate --size 3M file");
    CollectedProgress progress;
    LongWork long_work(progress, "reading", 3 << 20);
    Program program{
        .words = {"sh", "-c", text("cat ", work.path.native(), "/file >/dev/null; sleep 0.5; :")}};
    program.reads = Reads::are_counted;
    ASSERT_TRUE(run_program(program, progress));
    EXPECT_GE(progress.works[0].done, 3U << 20);
}

} // namespace

} // namespace mangrove::head
