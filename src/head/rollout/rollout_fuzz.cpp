#include <cstdio>
#include <cstdlib>

#include "head/rollout/testing/simulation.h"

using namespace mangrove::head;
using testing::Behaviour;
using testing::Machine;
using testing::Simulation;

/// The bytes of the input are all that happens to a rollout; the properties of property_test.cpp hold.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size > 4096) return 0;
    size_t at = 0;
    auto choose = [&](uint32_t bound) -> uint32_t {
        uint32_t value = at < size ? data[at] : 0;
        if (bound > 256 && at + 1 < size) value |= static_cast<uint32_t>(data[at + 1]) << 8;
        at += bound > 256 ? 2 : 1;
        return value % bound;
    };
    Simulation simulation(choose, 5);
    for (const Machine& machine : simulation.machines)
        simulation.behaviours[{"r-first", machine.name}] = static_cast<Behaviour>(choose(6));
    bool is_drained = choose(2) == 0;
    Policy policy{.max = {.number = 1 + choose(4), .is_percent = false},
                  .spread_key = "rack",
                  .spread = 1 + choose(2),
                  .budget_percent = choose(50),
                  .budget_min = 1 + choose(2),
                  .tries = 1 + choose(3),
                  .deadline = 300,
                  .soak = choose(2) * 120,
                  .drain_deadline = is_drained ? choose(2) * 60 : 0,
                  .drain = is_drained ? "slurm" : "",
                  .restart = is_drained       ? "slurm"
                             : choose(3) == 0 ? "none"
                                              : "ssh",
                  .on_failure = choose(2) == 0 ? OnFailure::pause : OnFailure::revert,
                  .needs_approval = choose(2) == 0};
    simulation.start("r-first", policy, choose(2));
    while (at < size && simulation.problems.empty())
        simulation.pass_in_chaos(10);
    simulation.settle();
    if (simulation.problems.empty()) return 0;
    std::fputs(simulation.problems.front().c_str(), stderr);
    std::abort();
}
