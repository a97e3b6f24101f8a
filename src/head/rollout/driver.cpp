#include "head/rollout/driver.h"

#include <algorithm>

namespace mangrove::head {

namespace {

using Words = std::vector<std::string>;
using Kind = Action::Kind;

/// A program that hangs must not hold its node up for ever; a drain may take as long as the longest job.
constexpr const char* kRestartLimit = "120";
constexpr const char* kPower = "power";

constexpr const char* kSoft = "soft";
constexpr const char* kKexec = "kexec";
/// In the output of their commands, behind the reason.
constexpr const char* kRefused = "refused";

bool is_id(const std::string& written, std::string_view letters) {
    return !written.empty() && written.find_first_not_of(letters) == std::string::npos;
}

/// Ends the script where another boot runs than the one that was meant: the first of these files has its id.
std::string check_boot(const std::string& boot) {
    if (!is_id(boot, "0123456789abcdef-")) return {};
    return text(
        "cat /run/mangrove/boot-id /proc/sys/kernel/random/boot_id 2>/dev/null | head -n 1 | grep -qx ", boot,
        " || exit 0; ");
}

/// A node without a disk makes new host keys at each boot, so they are not checked: whoever answers in its
/// place learns nothing from the key of this head node, and can only keep the node from being restarted.
Words by_ssh(const Action& action, const std::string& script) {
    Words words = {"timeout", kRestartLimit, "ssh"};
    for (const char* option : {"BatchMode=yes", "ConnectTimeout=20", "StrictHostKeyChecking=no",
                               "UserKnownHostsFile=/dev/null", "ForwardAgent=no", "LogLevel=ERROR"}) {
        words.emplace_back("-o");
        words.emplace_back(option);
    }
    words.push_back(text("root@", action.node));
    words.push_back(check_boot(action.boot) + script);
    return words;
}

Words restart_by_ssh(const Action& action, const std::string& /*path*/) {
    return by_ssh(action, "systemctl reboot");
}

Words restart_by_node(const Action& action, const std::string& option) {
    bool is_known = is_id(action.release, "0123456789abcdefr-");
    return by_ssh(action, text("/run/mangrove/mangrove restart ", option,
                               is_known ? " --release " + action.release : "",
                               " 2>&1 >/dev/null && exit 0; echo ", kRefused, "; systemctl reboot"));
}

Words restart_softly(const Action& action, const std::string& /*path*/) {
    return restart_by_node(action, "--soft");
}

Words restart_by_kexec(const Action& action, const std::string& /*path*/) {
    return restart_by_node(action, "--kexec");
}

Words restart_by_command(const Action& action, const std::string& path) {
    return {"timeout", kRestartLimit, path, action.node};
}

Words drain_by_command(const Action& action, const std::string& path) {
    return {path, std::string(name_of(action.kind)), action.node};
}

/// A way to take an action: --restart NAME or --drain NAME. One whose name ends in ':' has a path behind it.
struct Driver {
    Kind kind;
    std::string_view name;
    Words (*words)(const Action& action, const std::string& path); ///< nullptr: done without a command line
};

constexpr Driver kDrivers[] = {
    {Kind::restart, "ssh", restart_by_ssh},
    {Kind::restart, kSoft, restart_softly},
    {Kind::restart, kKexec, restart_by_kexec},
    {Kind::restart, kPower, nullptr},
    {Kind::restart, kSlurm, nullptr},
    {Kind::restart, "command:", restart_by_command},
    {Kind::drain, kSlurm, nullptr},
    {Kind::drain, "command:", drain_by_command},
};

bool has_path(const Driver& driver) {
    return driver.name.ends_with(':');
}

const Driver* find_driver(Kind kind, std::string_view how) {
    auto found = std::ranges::find_if(kDrivers, [&](const Driver& driver) {
        return driver.kind == kind && (has_path(driver) ? how.starts_with(driver.name) : how == driver.name);
    });
    return found == std::end(kDrivers) ? nullptr : found;
}

/// "none, ssh, command:/PATH"
std::string known_drivers(Kind kind) {
    Words names = {"none"};
    for (const Driver& driver : kDrivers)
        if (driver.kind == kind) names.push_back(text(driver.name, has_path(driver) ? "/PATH" : ""));
    return join(names, ", ");
}

Result<> check_driver(const char* option, Kind kind, const std::string& how) {
    const Driver* driver = find_driver(kind, how);
    if (!driver) return permanent_error(option, " ", how, ": not known; expected ", known_drivers(kind));
    if (has_path(*driver) && !how.substr(driver->name.size()).starts_with('/'))
        return permanent_error(option, " ", how, ": expected an absolute path after ", driver->name);
    return {};
}

} // namespace

Result<> check_drivers(const Policy& policy) {
    if (policy.restart != "none") TRY(check_driver("--restart", Kind::restart, policy.restart));
    if (!policy.drain.empty()) TRY(check_driver("--drain", Kind::drain, policy.drain));
    if (policy.restart == kSlurm && policy.drain != kSlurm)
        return permanent_error("--restart slurm: Slurm must drain the nodes first; give --drain slurm");
    if (!policy.drain.empty() && policy.restart == "none")
        return permanent_error("--drain ", policy.drain,
                               ": nobody restarts nodes that are drained; give --restart");
    return {};
}

bool is_by_power(const Action& action) {
    return action.kind == Kind::power_cycle || (action.kind == Kind::restart && action.how == kPower);
}

Result<bool> is_still_due(Database& database, const Action& action) {
    std::optional<Entry> entry = TRY(database.get(NodeState{.node = action.node}.key()));
    if (!entry) return false;
    NodeState node = TRY(node_state_from(*entry));
    return !node.is_acted && id_of(node, action.kind) == action.id;
}

bool is_awaited(const NodeState& node, const Action& action, const NodeEvent& event) {
    if (id_of(node, action.kind) == action.id) return true;
    bool is_refusal = event.kind == NodeEvent::Kind::restarted && !event.why.empty();
    std::string_view last_boot = node.boots.empty() ? std::string_view() : node.boots.back();
    return is_refusal && node.rollout == action.rollout && node.state == State::booting
           && node.tries == action.tries + 1 && last_boot == action.boot;
}

std::string full_restart(const std::string& how) {
    return how == kSoft || how == kKexec ? "ssh" : how;
}

std::string refusal_in(const Action& action, const std::string& output) {
    constexpr std::string_view kError = "error: ";
    size_t end = output.find(text(kRefused, "\n"));
    if (full_restart(action.how) == action.how || end == std::string::npos) return {};
    std::string said = output.substr(0, end);
    size_t error = said.find(kError);
    if (error != std::string::npos) said.erase(0, error + kError.size());
    return std::string(trim(said.substr(0, said.find('\n'))));
}

Result<Words> command_for(const Action& action) {
    Kind kind = action.kind == Kind::resume ? Kind::drain : action.kind;
    const Driver* driver = find_driver(kind, action.how);
    if (!driver || !driver->words)
        return permanent_error(name_of(action.kind), " by ", action.how, ": this head node cannot do it");
    return driver->words(action, action.how.substr(has_path(*driver) ? driver->name.size() : 0));
}

} // namespace mangrove::head
