/// Prints how long a tick takes with 10,000 nodes of which one wave is under way: with its records read from
/// the database before and written after it, as a head node does that keeps nothing in memory.
///
/// usage: rollout_bench [NODES [TICKS]]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "head/rollout/operate.h"
#include "head/rollout/tick.h"

using namespace mangrove;
using namespace mangrove::head;

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

void print(const char* what, std::vector<double> times) {
    std::ranges::sort(times);
    std::printf("%-28s median %7.1f ms, most %7.1f ms\n", what, times[times.size() / 2], times.back());
}

/// Each node under way does what comes next.
std::vector<Write> events(const Records& records, Moment now) {
    std::vector<Write> writes;
    auto send = [&](const NodeState& node, const NodeEvent& event) {
        NodeState after = on_event(records, node.node, event, now);
        if (after != node) writes.push_back({after.key(), to_json(after)});
    };
    for (const auto& [name, node] : records.nodes) {
        std::string boot = text(name, "-", node.tries);
        if (node.state == State::restarting) send(node, {NodeEvent::Kind::script});
        if (node.state == State::booting)
            send(node, {.kind = NodeEvent::Kind::report, .release = node.target, .boot_id = boot});
        if (node.state == State::up || node.state == State::soaking)
            send(node, {.kind = NodeEvent::Kind::health, .boot_id = boot, .is_healthy = true});
    }
    return writes;
}

Result<> measure(size_t nodes, size_t ticks, const std::filesystem::path& directory) {
    std::unique_ptr<Database> database = TRY(open_database(directory / "nodes.db"));
    RolloutRequest request{
        .release = "r-0123456789ab", .policy = {.soak = 60, .restart = "ssh"}, .who = "bench"};
    request.policy.spread_key = "rack";
    request.policy.spread = 40;
    request.policy.max = {10, true};
    for (size_t i = 0; i < nodes; ++i)
        request.nodes.push_back({text("n", 10'000 + i), text("rack", i / 40), true});
    Moment now = {.up = 1, .wall = 1'796'000'000};
    RolloutStep begun = TRY(start_rollout({}, std::move(request), now));
    TRY(database->commit(writes_of(begun)));
    std::vector<double> loads, decisions, commits, totals;
    for (size_t i = 0; i < ticks; ++i) {
        now = {.up = now.up + 10, .wall = now.wall + 10};
        auto begin = Clock::now();
        Records records = TRY(load_records(*database));
        loads.push_back(milliseconds_since(begin));
        auto loaded = Clock::now();
        RolloutStep step = tick(records, now);
        decisions.push_back(milliseconds_since(loaded));
        auto decided = Clock::now();
        records.clock = now;
        TRY(commit(*database, records, step));
        commits.push_back(milliseconds_since(decided));
        totals.push_back(milliseconds_since(begin));
        TRY(database->commit(events(TRY(load_records(*database)), now)));
    }
    std::printf("%zu nodes, %zu ticks\n", nodes, ticks);
    print("read the records", loads);
    print("tick", decisions);
    print("write the records", commits);
    print("all of it", totals);
    return {};
}

} // namespace

int main(int count, char** words) {
    size_t nodes = count > 1 ? std::strtoul(words[1], nullptr, 10) : 10'000;
    size_t ticks = count > 2 ? std::strtoul(words[2], nullptr, 10) : 60;
    if (nodes == 0 || ticks == 0) {
        std::fputs("usage: rollout_bench [NODES [TICKS]]\n", stderr);
        return 2;
    }
    std::string directory = std::filesystem::temp_directory_path() / "rollout-bench-XXXXXX";
    if (!::mkdtemp(directory.data())) return 1;
    Result<> measured = measure(nodes, ticks, directory);
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
    if (!measured) std::fputs(describe(measured.error()).c_str(), stderr);
    return measured ? 0 : 1;
}
