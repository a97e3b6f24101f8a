#pragma once

#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "head/rollout/slurm.h"

namespace mangrove::head {

/// Has Slurm take the actions of rollouts (head/rollout/slurm.h), in a thread: scontrol may hang. One thread
/// uses it.
class SlurmDriver {
  public:
    /// `scontrol`: the words that run it.
    explicit SlurmDriver(std::vector<std::string> scontrol) : scontrol_(std::move(scontrol)) {}

    /// Asks Slurm, unless it was asked just before or has not answered yet.
    void take(const std::vector<Action>& actions);
    /// Returns the outcome when there is a new one.
    std::optional<SlurmOutcome> done();

  private:
    void log(const SlurmOutcome& outcome);

    std::vector<std::string> scontrol_;
    std::future<SlurmOutcome> asked_;
    std::chrono::steady_clock::time_point not_before_{};
    std::string problem_;
};

} // namespace mangrove::head
