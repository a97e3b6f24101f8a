#include "head/command/terminal_progress.h"

#include <algorithm>
#include <cstdio>
#include <sys/ioctl.h>
#include <unistd.h>

namespace mangrove::head {

namespace {

constexpr std::chrono::milliseconds kRepaint{100};
/// Work that is done sooner gets no second line.
constexpr double kWorthTelling = 1;

/// Names in archives may hold what a terminal takes for a command.
std::string printable(std::string_view written) {
    std::string shown;
    for (char letter : written)
        shown += letter == '\n' || static_cast<unsigned char>(letter) >= ' ' ? letter : '?';
    return shown;
}

/// "8.9 s", "2 min 5 s"
std::string time_as_text(double seconds) {
    auto whole = static_cast<uint64_t>(seconds);
    if (whole >= 60) return text(whole / 60, " min ", whole % 60, " s");
    return text(whole, ".", static_cast<uint64_t>(seconds * 10) % 10, " s");
}

std::string bar(uint64_t done, uint64_t total, size_t width) {
    size_t filled = static_cast<size_t>(static_cast<double>(done) / static_cast<double>(total)
                                        * static_cast<double>(width));
    return "[" + std::string(filled, '#') + std::string(width - filled, ' ') + "]";
}

} // namespace

std::string size_as_text(uint64_t bytes) {
    constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    uint64_t tenths = bytes * 10;
    for (; tenths >= 10240 && unit < 4; ++unit)
        tenths /= 1024;
    return unit == 0 ? text(bytes, " B") : text(tenths / 10, ".", tenths % 10, " ", kUnits[unit]);
}

Screen standard_error(bool may_draw, bool is_quiet) {
    Screen screen{.write = [](std::string_view words) {
        std::fwrite(words.data(), 1, words.size(), stderr);
        std::fflush(stderr);
    }};
    screen.is_quiet = is_quiet;
    winsize size = {};
    if (may_draw && !is_quiet && ::isatty(STDERR_FILENO) == 1)
        screen.columns = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    return screen;
}

void TerminalProgress::write_line(std::string_view level, std::string_view line) {
    erase();
    screen_.write(text("mangrovectl: ", level, printable(line), "\n"));
}

void TerminalProgress::note(std::string_view line) {
    if (!screen_.is_quiet) write_line("", line);
}

void TerminalProgress::warn(std::string_view line) {
    write_line("warning: ", line);
}

void TerminalProgress::error(std::string_view line) {
    write_line("error: ", line);
}

void TerminalProgress::begin(std::string_view what, uint64_t total) {
    what_ = what;
    total_ = total;
    done_ = 0;
    begun_ = screen_.now();
    if (screen_.columns > 0)
        paint();
    else
        note(what_);
}

void TerminalProgress::advance(uint64_t bytes) {
    done_ += bytes;
    if (total_ > 0) done_ = std::min(done_, total_); // programs read some things twice
    if (screen_.columns > 0 && !what_.empty() && screen_.now() - painted_ >= kRepaint) paint();
}

void TerminalProgress::end() {
    erase();
    if (what_.empty()) return;
    if (seconds() >= kWorthTelling)
        note(text(what_, ": ", size_as_text(total_ > 0 ? total_ : done_), " in ", time_as_text(seconds())));
    what_.clear();
}

double TerminalProgress::seconds() const {
    return std::chrono::duration<double>(screen_.now() - begun_).count();
}

void TerminalProgress::paint() {
    constexpr size_t kBar = 20;
    painted_ = screen_.now();
    is_painted_ = true;
    double rate = seconds() > 0 ? static_cast<double>(done_) / seconds() : 0;
    std::string shown = printable(what_) + " ";
    if (total_ > 0)
        shown += text(bar(done_, total_, kBar), " ",
                      static_cast<uint64_t>(100.0 * static_cast<double>(done_) / static_cast<double>(total_)),
                      "% of ", size_as_text(total_));
    else
        shown += size_as_text(done_);
    if (rate > 0) shown += text(", ", size_as_text(static_cast<uint64_t>(rate)), "/s");
    if (rate > 0 && total_ > 0)
        shown += text(", ", time_as_text(static_cast<double>(total_ - done_) / rate), " left");
    screen_.write("\r\033[K" + shown.substr(0, screen_.columns - 1));
}

void TerminalProgress::erase() {
    if (is_painted_) screen_.write("\r\033[K");
    is_painted_ = false;
}

} // namespace mangrove::head
