#pragma once

#include <chrono>
#include <random>
#include <string>
#include <unordered_map>

namespace mangrove::head {

/// Lets nodes start at a rate that the network carries (GCRA, as ATM's networks have it). A node that comes
/// too early gets a place in the queue and keeps it until it comes again.
class Admission {
  public:
    using Time = std::chrono::steady_clock::time_point;

    Admission(unsigned per_second, unsigned burst);

    /// Returns 0 where the node may start, or after how many seconds it should ask again (at most 120).
    std::chrono::seconds ask(const std::string& node, Time now);

    /// Returns how many nodes have a place that they have not come back for.
    size_t waiting() const { return places_.size(); }

  private:
    void forget_late(Time now);
    std::chrono::seconds wait_for(std::chrono::steady_clock::duration left);

    std::chrono::nanoseconds interval_;
    std::chrono::nanoseconds tolerance_;
    Time next_{};                                  ///< when the next place is due
    std::unordered_map<std::string, Time> places_; ///< of those that wait
    Time swept_{};
    std::minstd_rand random_{std::random_device{}()};
};

} // namespace mangrove::head
