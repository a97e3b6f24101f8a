#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace mangrove::head {

/// A report that a node posted of one of its boots (docs/report.md), as far as it is shown. Whoever is root
/// on a node writes what he likes: all is bounded.
struct BootReport {
    std::string received; ///< "2026-11-29T21:35:00Z"
    Json report;
};

/// Why a boot failed: the first line of its error.
struct BootFailure {
    std::string received;
    std::string error;
};

/// The last reports of all nodes: a directory with a directory for each node. Any thread may call it.
class BootReports {
  public:
    static constexpr size_t kMostOfNode = 10;
    /// Larger ones are not kept.
    static constexpr size_t kMostBytes = 256UL << 10;

    explicit BootReports(std::filesystem::path directory) : directory_(std::move(directory)) {}

    /// Makes the directory, and reads why the last boots of nodes failed.
    Result<> open();
    /// Keeps a report and removes the oldest ones of the node. One of the same boot replaces the earlier one.
    Result<> keep(const std::string& node, const std::string& report);
    /// Removes those of other nodes.
    void keep_nodes(const std::function<bool(const std::string& node)>& is_node);

    /// Returns those of a node, the newest first.
    std::vector<BootReport> of_node(const std::string& node) const;
    std::optional<BootReport> last_of(const std::string& node) const;
    /// Returns the nodes whose last boot failed.
    std::map<std::string, BootFailure> failures() const;

  private:
    void note(const std::string& node, const std::string& name, const std::string& report);

    std::filesystem::path directory_;
    mutable std::mutex mutex_; ///< of what follows
    std::map<std::string, BootFailure> failures_;
};

/// Returns what the API shows of a report: known members alone, with bounded texts.
Json description_of(const BootReport& report);

/// Returns the first line of a text that somebody else wrote, without control characters.
std::string first_line(const std::string& written, size_t most);

} // namespace mangrove::head
