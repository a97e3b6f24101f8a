#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mangrove::head {

/// Writes metrics in Prometheus' text format 0.0.4.
class Exposition {
  public:
    using Labels = std::vector<std::pair<std::string_view, std::string>>;

    /// Begins the samples of one metric.
    void begin(std::string_view name, std::string_view type, std::string_view help);
    /// `suffix`: "_sum", "_count" or "_bucket" of the metric.
    void add(double value, const Labels& labels = {}, std::string_view suffix = "");
    const std::string& text() const { return text_; }

  private:
    std::string text_;
    std::string name_;
};

/// Counts what the daemon does. Any thread may call it.
class Meter {
  public:
    /// `route`: the pattern of a route ("/n/report"), which becomes a label. Other paths share one.
    void count_request(std::string_view route, unsigned status, double seconds, uint64_t bytes);
    void count_connections(int64_t more);
    void count_report(bool is_failure);
    /// Counts a preparation of all that nodes are served, with the sets of files that were rendered for it.
    void count_preparation(double seconds, uint64_t rendered);
    /// The controller of rollouts decided once what happens next.
    void count_step(double seconds);

    void write(Exposition& out) const;

  private:
    static constexpr std::array kBounds = {0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0}; ///< seconds

    struct Requests {
        std::map<unsigned, uint64_t> by_status;
        std::array<uint64_t, kBounds.size()> within = {};
        uint64_t count = 0;
        double seconds = 0;
        uint64_t bytes = 0;
    };
    struct Summary {
        uint64_t count = 0;
        double seconds = 0;

        void add(double more) { ++count, seconds += more; }
    };
    void write_requests(Exposition& out) const;

    mutable std::mutex mutex_; ///< of what follows
    std::map<std::string, Requests, std::less<>> requests_;
    int64_t connections_ = 0;
    uint64_t reports_ = 0;
    uint64_t failure_reports_ = 0;
    uint64_t rendered_ = 0;
    Summary preparations_;
    Summary steps_;
};

} // namespace mangrove::head
