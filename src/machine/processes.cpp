#include "machine/processes.h"

#include <algorithm>

namespace mangrove {

/// The words of a line of /proc/PID/status, behind its "Name:".
static std::vector<std::string> words_of(const std::string& status, std::string_view name) {
    for (const std::string& line : split(status, '\n'))
        if (line.starts_with(name)) return split(trim(std::string_view(line).substr(name.size())), '\t');
    return {};
}

static bool is_alive_and_of_root(const std::string& status) {
    std::vector<std::string> state = words_of(status, "State:");
    std::vector<std::string> ids = words_of(status, "Uid:");
    bool is_dead = state.empty() || state[0].starts_with("Z") || state[0].starts_with("X");
    bool is_in_container = words_of(status, "NSpid:").size() > 1;
    return !is_dead && !ids.empty() && ids[0] == "0" && !is_in_container;
}

/// "0:21 /": the file system that a process has as its root, and the directory of it; empty where procfs does
/// not tell.
static std::string root_of(System& system, const std::string& process) {
    constexpr size_t kDevice = 2, kRoot = 3, kMountPoint = 4;
    std::string root;
    Result<std::string> mounts = system.read_file(text("/proc/", process, "/mountinfo"));
    for (const std::string& line : split(mounts ? *mounts : "", '\n')) {
        std::vector<std::string> fields = split(line, ' ');
        if (fields.size() > kMountPoint && fields[kMountPoint] == "/")
            root = text(fields[kDevice], " ", fields[kRoot]);
    }
    return root;
}

/// A container that shares the processes of the machine has another root; a unit that systemd confines has
/// the same one, in another mount namespace.
static bool has_root_of_machine(System& system, const std::string& process) {
    std::string root = root_of(system, process);
    std::string of_machine = root_of(system, "1");
    return root.empty() || of_machine.empty() || root == of_machine;
}

std::vector<int> processes_of_root(System& system, std::string_view name) {
    std::vector<int> processes;
    Result<std::vector<std::string>> entries = system.list_directory("/proc");
    for (const std::string& entry : entries.value_or(std::vector<std::string>())) {
        std::optional<uint64_t> process = parse_number(entry);
        if (!process) continue;
        // A process can end while the list is read.
        Result<std::string> comm = system.read_file(text("/proc/", entry, "/comm"));
        if (!comm || trim(*comm) != name) continue;
        Result<std::string> status = system.read_file(text("/proc/", entry, "/status"));
        if (status && is_alive_and_of_root(*status)) processes.push_back(static_cast<int>(*process));
    }
    return processes;
}

bool does_root_run(System& system, std::string_view name) {
    return std::ranges::any_of(processes_of_root(system, name), [&](int process) {
        return has_root_of_machine(system, std::to_string(process));
    });
}

} // namespace mangrove
