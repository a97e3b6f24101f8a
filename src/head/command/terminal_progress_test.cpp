#include "head/command/terminal_progress.h"

#include <gtest/gtest.h>

namespace mangrove::head {

namespace {

struct TerminalProgressTest : testing::Test {
    std::string written;
    Screen::Clock::time_point time = {};

    Screen screen(size_t columns, bool is_quiet = false) {
        return {.write = [this](std::string_view words) { written += words; },
                .columns = columns,
                .is_quiet = is_quiet,
                .now = [this] { return time; }};
    }
    void wait(std::chrono::milliseconds some) { time += some; }
    std::string taken() { return std::exchange(written, ""); }
};

constexpr uint64_t kMiB = 1 << 20;

TEST_F(TerminalProgressTest, a_log_has_a_line_at_the_begin_and_at_the_end) {
    TerminalProgress progress(screen(0));
    {
        LongWork work(progress, "packing as ext4", 200 * kMiB);
        EXPECT_EQ(taken(), "mangrovectl: packing as ext4\n");
        for (int i = 0; i < 20; ++i) {
            wait(std::chrono::milliseconds(150));
            work.advance(10 * kMiB);
        }
        EXPECT_EQ(taken(), "") << "nothing is painted over";
    }
    EXPECT_EQ(taken(), "mangrovectl: packing as ext4: 200.0 MiB in 3.0 s\n");
    progress.begin("quick", 1);
    progress.end();
    EXPECT_EQ(taken(), "mangrovectl: quick\n");
}

TEST_F(TerminalProgressTest, a_terminal_has_one_bar_that_is_erased) {
    TerminalProgress progress(screen(80));
    progress.begin("packing", 100 * kMiB);
    EXPECT_EQ(taken(), "\r\033[Kpacking [                    ] 0% of 100.0 MiB");
    wait(std::chrono::milliseconds(50));
    progress.advance(10 * kMiB);
    EXPECT_EQ(taken(), "") << "ten times a second at most";
    wait(std::chrono::milliseconds(950));
    progress.advance(15 * kMiB);
    EXPECT_EQ(taken(), "\r\033[Kpacking [#####               ] 25% of 100.0 MiB, 25.0 MiB/s, 3.0 s left");
    progress.note("a name\033[2J");
    EXPECT_EQ(taken(), "\r\033[Kmangrovectl: a name?[2J\n");
    wait(std::chrono::milliseconds(99000));
    progress.advance(500 * kMiB);
    EXPECT_EQ(taken(), "\r\033[Kpacking [####################] 100% of 100.0 MiB, 1.0 MiB/s, 0.0 s left");
    progress.end();
    EXPECT_EQ(taken(), "\r\033[Kmangrovectl: packing: 100.0 MiB in 1 min 40 s\n");
}

TEST_F(TerminalProgressTest, a_narrow_terminal_and_work_of_unknown_size) {
    TerminalProgress progress(screen(20));
    progress.begin("copying", 0);
    EXPECT_EQ(taken(), "\r\033[Kcopying 0 B");
    wait(std::chrono::milliseconds(1000));
    progress.advance(2048);
    EXPECT_EQ(taken(), "\r\033[Kcopying 2.0 KiB, 2.") << "19 columns";
}

TEST_F(TerminalProgressTest, quiet_leaves_warnings_and_errors) {
    TerminalProgress progress(screen(0, true));
    progress.note("published");
    progress.begin("packing", 1);
    wait(std::chrono::milliseconds(5000));
    progress.end();
    EXPECT_EQ(taken(), "");
    progress.warn("no init");
    progress.error("no space");
    EXPECT_EQ(taken(), "mangrovectl: warning: no init\nmangrovectl: error: no space\n");
}

} // namespace

} // namespace mangrove::head
