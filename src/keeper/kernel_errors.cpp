#include "keeper/kernel_errors.h"

#include <algorithm>

#include "base/text.h"

namespace mangrove {

namespace {

constexpr std::string_view kSquashfs = "SQUASHFS error";
constexpr std::string_view kOfDevices[] = {"EXT4-fs error", "erofs", "XFS (", "BTRFS error",
                                           "Buffer I/O error on dev"};

bool contains_word(std::string_view line, std::string_view word) {
    auto is_part_of_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    for (size_t at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
        size_t end = at + word.size();
        bool begins = at == 0 || !is_part_of_word(line[at - 1]);
        if (begins && (end == line.size() || !is_part_of_word(line[end]))) return true;
    }
    return false;
}

bool is_file_system_error(std::string_view line, std::string_view device) {
    if (line.contains(kSquashfs)) return true;
    bool is_of_device =
        std::ranges::any_of(kOfDevices, [&](std::string_view beginning) { return line.contains(beginning); });
    return is_of_device && contains_word(line, device);
}

/// "[   12.345678] ", cut off. Nothing where there is none.
std::optional<Time> take_time(std::string_view& line) {
    size_t end = line.find("] ");
    size_t point = line.find('.');
    if (!line.starts_with('[') || end == std::string_view::npos || point > end) return std::nullopt;
    std::optional<uint64_t> seconds_part = parse_number(trim(line.substr(1, point - 1)));
    line.remove_prefix(end + 2);
    if (!seconds_part) return std::nullopt;
    return Time(seconds(*seconds_part));
}

/// "<3>", cut off: the facility, times eight, and the level (syslog(2)).
std::optional<uint64_t> take_priority(std::string_view& line) {
    size_t end = line.find('>');
    if (!line.starts_with('<') || end == std::string_view::npos) return std::nullopt;
    std::optional<uint64_t> priority = parse_number(line.substr(1, end - 1));
    line.remove_prefix(end + 1);
    return priority;
}

} // namespace

std::optional<KernelError> last_file_system_error(std::string_view kernel_log, std::string_view device) {
    constexpr uint64_t kErrorOfKernel = 3;
    std::optional<KernelError> last;
    while (!kernel_log.empty()) {
        std::string_view line = kernel_log.substr(0, kernel_log.find('\n'));
        kernel_log.remove_prefix(std::min(line.size() + 1, kernel_log.size()));
        std::optional<uint64_t> priority = take_priority(line);
        if (!priority || *priority > kErrorOfKernel) continue;
        std::optional<Time> time = take_time(line);
        if (is_file_system_error(line, device)) last = KernelError{time, std::string(trim(line))};
    }
    return last;
}

} // namespace mangrove
