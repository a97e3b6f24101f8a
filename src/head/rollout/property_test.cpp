/// Whatever happens, in whatever order: what must never happen does not, and each node comes to an end.

#include <gtest/gtest.h>
#include <random>

#include "head/rollout/testing/simulation.h"

namespace mangrove::head {
namespace {

using testing::Behaviour;
using testing::Simulation;

testing::Choose seeded(uint32_t seed) {
    return [random = std::mt19937(seed)](uint32_t bound) mutable {
        return static_cast<uint32_t>(random() % bound);
    };
}

Policy policy_from(const testing::Choose& choose) {
    constexpr const char* kRestarts[] = {"ssh", "soft", "none"};
    bool is_drained = choose(3) == 0;
    return {.waves = choose(2) == 0 ? std::vector<uint32_t>{100} : std::vector<uint32_t>{20, 50, 100},
            .max = {.number = 1 + choose(6), .is_percent = false},
            .spread_key = "rack",
            .spread = 1 + choose(2),
            .budget_percent = choose(50),
            .budget_min = 1 + choose(3),
            .tries = 1 + choose(3),
            .deadline = 300,
            .soak = choose(2) * 300,
            .drain_deadline = is_drained ? choose(2) * 60 : 0,
            .drain = is_drained ? "slurm" : "",
            .restart = is_drained ? "slurm" : kRestarts[choose(3)],
            .on_failure = choose(2) == 0 ? OnFailure::pause : OnFailure::revert,
            .needs_approval = choose(4) == 0};
}

std::string name_of_seed(const ::testing::TestParamInfo<uint32_t>& tested) {
    return std::to_string(tested.param);
}

class RolloutProperty : public ::testing::TestWithParam<uint32_t> {};

TEST_P(RolloutProperty, holds_in_chaos) {
    for (uint32_t i = 0; i < 4; ++i) {
        testing::Choose choose = seeded(GetParam() * 1000 + i);
        Simulation simulation(choose, 9);
        for (const testing::Machine& machine : simulation.machines)
            for (const char* release : {"r-first", "r-1", "r-2", "r-3"})
                if (choose(3) == 0)
                    simulation.behaviours[{release, machine.name}] = static_cast<Behaviour>(choose(6));
        simulation.start("r-first", policy_from(choose), choose(3));
        simulation.pass_in_chaos(400);
        simulation.settle();
        ASSERT_TRUE(simulation.problems.empty())
            << "seed " << GetParam() * 1000 + i << ": " << simulation.problems.front();
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RolloutProperty, ::testing::Range(0U, 10U), name_of_seed);

} // namespace
} // namespace mangrove::head
