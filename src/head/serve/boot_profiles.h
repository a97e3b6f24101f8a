#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "head/image/boot_profile.h"

namespace mangrove::head {

/// A line of the list of profiles that nodes posted (docs/profiles.md): all of them at once may not fit.
struct PostedProfile {
    std::string node;
    std::string received; ///< "2026-11-29T21:35:00Z"
    std::string name;
    std::string release;
    size_t files = 0;
    uint64_t bytes = 0;
};

/// The last profile of each node, a file each. Any thread may call it.
class BootProfiles {
  public:
    /// So many nodes at most: the oldest goes.
    static constexpr size_t kMostNodes = 256;

    explicit BootProfiles(std::filesystem::path directory) : directory_(std::move(directory)) {}

    /// Has the next boots of the node record one, until it has posted it.
    Result<> request(const std::string& node) const;
    bool is_requested(const std::string& node) const;

    /// Keeps the profile of a node in the place of the one before. An error when it is none.
    Result<> keep(const std::string& node, const std::string& written) const;

    /// Removes those of other nodes, and requests for them.
    void keep_nodes(const std::function<bool(const std::string& node)>& is_node) const;

    /// Returns those of all nodes, by name.
    std::vector<PostedProfile> list() const;
    std::optional<BootProfile> of_node(const std::string& node) const;

  private:
    std::filesystem::path directory_;
};

/// Returns what the API shows of a profile in a list.
Json description_of(const PostedProfile& posted);

} // namespace mangrove::head
