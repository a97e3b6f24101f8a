// Reads the arguments `mangrove.watchdog=` and `mangrove.probation=`.

#include "machine/guard_arguments.h"

#include "base/log.h"
#include "machine/kernel_command_line.h"

namespace mangrove {

/// Long enough for a systemd that is read over a slow network to open the watchdog.
static constexpr seconds kWatchdogOnProbation{120};
static constexpr uint64_t kShortest = 10;
static constexpr uint64_t kLongest = 86400;

static std::optional<seconds> read_seconds(const KernelCommandLine& command_line, std::string_view name) {
    std::optional<std::string> written = command_line.value(name);
    if (!written || *written == "off") return std::nullopt;
    std::optional<uint64_t> number = parse_number(*written);
    if (number && *number >= kShortest && *number <= kLongest) return seconds(*number);
    log_warning(name, "=", *written, ": expected ", kShortest, " to ", kLongest,
                " seconds, or off; ignoring");
    return std::nullopt;
}

GuardArguments guard_arguments(System& system) {
    Result<std::string> line = read_arguments(system);
    if (!line) return {};
    KernelCommandLine command_line = KernelCommandLine::parse(*line);
    GuardArguments arguments = {.watchdog = read_seconds(command_line, "mangrove.watchdog"),
                                .probation = read_seconds(command_line, "mangrove.probation")};
    arguments.is_watched_on_probation = arguments.probation && !command_line.value("mangrove.watchdog");
    if (arguments.is_watched_on_probation) arguments.watchdog = kWatchdogOnProbation;
    return arguments;
}

} // namespace mangrove
