#include "status/status.h"

#include <algorithm>
#include <cerrno>
#include <cmath>

#include "keeper/keeper.h"
#include "keeper/state_file.h"
#include "machine/run_files.h"

namespace mangrove {

namespace {

/// Where the overlay has its upper, or an empty string.
std::string upper_directory(const Layer& overlay) {
    constexpr std::string_view kKey = "upperdir=";
    if (overlay.type != "overlay") return {};
    for (const std::string& option : split(overlay.options, ','))
        if (option.starts_with(kKey)) return option.substr(kKey.size());
    return {};
}

/// "Name:" of /proc/PID/status, and such.
std::string process_field(System& system, uint64_t process, std::string_view key) {
    Result<std::string> fields = system.read_file(text("/proc/", process, "/status"));
    for (const std::string& line : split(fields ? *fields : "", '\n'))
        if (line.starts_with(key)) return std::string(trim(line.substr(key.size())));
    return {};
}

bool is_keeper(System& system, uint64_t process) {
    return process != 0 && process_field(system, process, "Name:") == kKeeperName;
}

Guard guard_of(System& system, uint64_t process) {
    if (!is_keeper(system, process)) return Guard::nobody;
    uint64_t parent = parse_number(process_field(system, process, "PPid:")).value_or(0);
    return is_keeper(system, parent) ? Guard::complete : Guard::keeper_alone;
}

double seconds_since(System& system, Time then) {
    return in_seconds(std::max(system.now() - then, Clock::duration::zero()));
}

Reads to_reads(System& system, const ReadsState& state) {
    return {.name = state.name,
            .state = state.now,
            .reason = state.reason,
            .kernel_error = state.kernel_error,
            .unanswered = seconds_since(system, state.answered),
            .guard = guard_of(system, state.process)};
}

Connection to_connection(System& system, const ConnectionState& state) {
    Connection connection;
    connection.name = state.name;
    connection.state = state.now;
    connection.reason = state.reason;
    connection.losses = state.losses;
    connection.tries = state.tries;
    connection.process = state.process;
    connection.longest_loss = in_seconds(state.longest_loss);
    connection.in_state = seconds_since(system, state.since);
    connection.unseen = seconds_since(system, state.seen);
    connection.guard = guard_of(system, connection.process);
    connection.served = state.served;
    return connection;
}

/// Returns the NVMe connections: the kernel reconnects them itself, and shows their state.
std::vector<Connection> nvme_connections(System& system) {
    constexpr const char* kControllers = "/sys/class/nvme";
    std::vector<Connection> connections;
    Result<std::vector<std::string>> names = system.list_directory(kControllers);
    for (const std::string& name : names.value_or(std::vector<std::string>())) {
        auto attribute = [&](const char* key) {
            Result<std::string> value = system.read_file(text(kControllers, "/", name, "/", key));
            return std::string(trim(value ? *value : ""));
        };
        if (attribute("transport") != "tcp") continue;
        Connection connection;
        connection.name = "NVMe subsystem " + attribute("subsysnqn");
        connection.state = attribute("state") == "live" ? "connected" : attribute("state");
        connection.guard = Guard::kernel;
        connections.push_back(connection);
    }
    return connections;
}

template <typename State>
Result<std::vector<State>> read_states(System& system, std::string_view prefix,
                                       Result<State> (*read)(System&, const std::string&)) {
    std::vector<State> states;
    for (const std::string& path : TRY(state_files(system, prefix))) {
        Result<State> state = read(system, path);
        if (!state && state.error().code == ENOENT) continue;
        states.push_back(TRY(std::move(state)));
    }
    return states;
}

Result<std::vector<Connection>> read_connections(System& system) {
    std::vector<Connection> connections;
    for (const ConnectionState& state : TRY(read_states(system, kConnectionPrefix, read_connection_state)))
        connections.push_back(to_connection(system, state));
    for (const Connection& connection : nvme_connections(system))
        connections.push_back(connection);
    return connections;
}

Result<Json> read_report(System& system) {
    Result<Json> report = read_json_while_written(system, kReportPath);
    if (!report && report.error().code == ENOENT)
        return permanent_error("this machine was not booted by Mangrove: it has no ", kReportPath);
    return report;
}

Result<std::optional<FilesStatus>> read_files(System& system) {
    Result<std::string> written = system.read_file(kFilesState);
    if (!written && (written.error().code == ENOENT || written.error().code == EACCES)) return std::nullopt;
    FilesStatus files;
    files.state = TRY(parse_live_state(TRY(std::move(written))), "reading ", kFilesState);
    if (files.state.fetched != Time()) files.fetched = seconds_since(system, files.state.fetched);
    files.answered = seconds_since(system, files.state.answered);
    return files;
}

/// The one that the upper's directory is in.
std::optional<Layer> find_upper(const std::vector<Layer>& layers) {
    std::string directory = layers.empty() ? "" : upper_directory(layers.front());
    for (const Layer& layer : layers)
        if (layer.mount_point != "/" && directory.starts_with(layer.mount_point + "/")) return layer;
    return std::nullopt;
}

} // namespace

Result<Status> look_at_node(System& system, const SpaceOf& space_of) {
    Status status;
    status.report = TRY(read_report(system));
    status.layers = layers_in(TRY(system.read_file("/proc/self/mountinfo")), "/");
    status.upper = find_upper(status.layers);
    // An overlay has the space of its upper (statfs(2)), whose directory only root enters.
    if (status.upper) status.upper_space = space_of("/");
    for (const ReadsState& state : TRY(read_states(system, kReadsPrefix, read_reads_state)))
        status.reads.push_back(to_reads(system, state));
    status.files = TRY(read_files(system));
    status.connections = TRY(read_connections(system));
    return status;
}

static void add_problems(const Reads& reads, std::vector<std::string>& problems) {
    // It is asked every twenty seconds.
    constexpr double kLongestAnswer = 50;
    if (reads.guard == Guard::nobody)
        problems.push_back(text("the reads from ", reads.name, " are not watched: the process is dead"));
    else if (reads.unanswered > kLongestAnswer)
        problems.push_back(text(reads.name, " has not answered for ", std::llround(reads.unanswered), " s"));
    if (reads.guard == Guard::keeper_alone)
        problems.push_back(text("the process that watches the reads from ", reads.name,
                                " will not be restarted when it dies"));
    if (reads.state == "failing")
        problems.push_back(text("reads from ", reads.name, " fail: ", reads.reason));
    if (reads.state == "changed") problems.push_back(text(reads.name, ": ", reads.reason));
    if (!reads.kernel_error.empty())
        problems.push_back(text("the kernel reports an error of the root: ", reads.kernel_error));
}

std::vector<std::string> problems_of(const Status& status) {
    std::vector<std::string> problems;
    if (const std::optional<Space>& space = status.upper_space;
        space && space->used * 100 >= space->size * 99)
        problems.push_back(text("the upper is full: ", space->used >> 20, " MiB of ", space->size >> 20,
                                " MiB are used; give it a larger size, or write less to /"));
    std::string refused = text_at(status.report.get(), "keeper_error");
    if (!refused.empty())
        problems.push_back("UNPROTECTED: a lost connection will not be restored: the keeper did not start: "
                           + refused);
    for (const Connection& connection : status.connections) {
        if (connection.guard == Guard::nobody)
            problems.push_back(text("UNPROTECTED: the connection to the ", connection.name,
                                    " will not be restored after a loss: its keeper is dead"));
        if (connection.guard == Guard::keeper_alone)
            problems.push_back(
                text("the keeper of the ", connection.name,
                     " will not be restarted when it dies: the process that restarts it is dead"));
        // It looks every ten seconds, and is elsewhere while the connection is lost.
        constexpr double kLongestLook = 60;
        bool is_kept = connection.guard != Guard::nobody && connection.guard != Guard::kernel;
        if (is_kept && connection.state == "connected" && connection.unseen > kLongestLook)
            problems.push_back(text("UNPROTECTED: the keeper of the ", connection.name,
                                    " has not looked at it for ", std::llround(connection.unseen), " s"));
        if (connection.state != "connected")
            problems.push_back(text("the ", connection.name, " is ", connection.state,
                                    connection.reason.empty() ? "" : ": ", connection.reason));
    }
    for (const Reads& reads : status.reads)
        add_problems(reads, problems);
    return problems;
}

std::vector<std::string> notices_of(const Status& status) {
    constexpr double kMissedIntervals = 10;
    std::vector<std::string> notices;
    for (const Connection& connection : status.connections)
        if (connection.served && !connection.served->cache_failure.empty())
            notices.push_back(text("cache ", connection.served->cache,
                                   ": not used any more: ", connection.served->cache_failure));
    if (!status.files) return notices;
    const LiveState& state = status.files->state;
    if (status.files->answered > kMissedIntervals * static_cast<double>(state.interval.count()))
        notices.push_back(text("files: not fetched for ", std::llround(status.files->answered), " s",
                               state.error.empty() ? "" : ": ", state.error));
    for (const auto& [path, left] : state.left)
        notices.push_back(text("files: ", path, ": ", left.what));
    return notices;
}

} // namespace mangrove
