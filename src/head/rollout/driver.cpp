#include "head/rollout/driver.h"

#include <algorithm>

namespace mangrove::head {

namespace {

constexpr std::string_view kCommand = "command:";
/// A program that hangs must not hold its node up for ever; a drain may take as long as the longest job.
constexpr const char* kRestartLimit = "120";

Result<> check_command(const char* option, const std::string& how) {
    if (how.starts_with(kCommand) && how.size() > kCommand.size() && how[kCommand.size()] == '/') return {};
    if (how.starts_with(kCommand))
        return permanent_error(option, " ", how, ": expected an absolute path after command:");
    return permanent_error(option, " ", how, ": not known; expected ",
                           std::string_view(option) == "--restart" ? "none, ssh or " : "", "command:/PATH");
}

/// A boot that began since the action was decided is not ended.
std::string restart_script(const std::string& boot) {
    bool is_id = !boot.empty() && boot.find_first_not_of("0123456789abcdef-") == std::string::npos;
    std::string check = text("grep -qx ", boot, " /proc/sys/kernel/random/boot_id || exit 0; ");
    return text(is_id ? check : "", "systemctl reboot");
}

} // namespace

Result<> check_drivers(const Policy& policy) {
    if (policy.restart != "none" && policy.restart != "ssh") TRY(check_command("--restart", policy.restart));
    if (!policy.drain.empty()) TRY(check_command("--drain", policy.drain));
    if (!policy.drain.empty() && policy.restart == "none")
        return permanent_error("--drain ", policy.drain,
                               ": nobody restarts nodes that are drained; give --restart");
    return {};
}

Result<std::vector<std::string>> command_for(const Action& action) {
    using Words = std::vector<std::string>;
    bool is_restart = action.kind == Action::Kind::restart;
    if (is_restart && action.how == "ssh")
        return Words{"timeout",
                     kRestartLimit,
                     "ssh",
                     "-o",
                     "BatchMode=yes",
                     "-o",
                     "ConnectTimeout=20",
                     text("root@", action.node),
                     restart_script(action.boot)};
    if (!action.how.starts_with(kCommand))
        return permanent_error(name_of(action.kind), " by ", action.how, ": this head node cannot do it");
    std::string path = action.how.substr(kCommand.size());
    if (is_restart) return Words{"timeout", kRestartLimit, path, action.node};
    return Words{path, std::string(name_of(action.kind)), action.node};
}

} // namespace mangrove::head
