#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "head/host/progress.h"

namespace mangrove::head {

/// Where lines and bars go to.
struct Screen {
    using Clock = std::chrono::steady_clock;

    std::function<void(std::string_view)> write;
    size_t columns = 0; ///< of a terminal; 0: a log, in which nothing is painted over
    bool is_quiet = false;
    std::function<Clock::time_point()> now = Clock::now;
};

/// Our standard error. A bar is drawn only where `may_draw`.
Screen standard_error(bool may_draw, bool is_quiet);

/// Shows what an operation says as lines that begin with the program's name, and long work as one bar, which
/// is erased at its end, or as a line at its begin and one at its end.
class TerminalProgress : public Progress {
  public:
    explicit TerminalProgress(Screen screen) : screen_(std::move(screen)) {}
    ~TerminalProgress() override { erase(); }

    void note(std::string_view line) override;
    void warn(std::string_view line) override;
    void error(std::string_view line);
    void begin(std::string_view what, uint64_t total) override;
    void advance(uint64_t bytes) override;
    void end() override;

  private:
    void write_line(std::string_view level, std::string_view line);
    void paint();
    void erase();
    double seconds() const;

    Screen screen_;
    std::string what_;
    uint64_t total_ = 0;
    uint64_t done_ = 0;
    Screen::Clock::time_point begun_ = {};
    Screen::Clock::time_point painted_ = {};
    bool is_painted_ = false;
};

/// "1.5 MiB"
std::string size_as_text(uint64_t bytes);

} // namespace mangrove::head
