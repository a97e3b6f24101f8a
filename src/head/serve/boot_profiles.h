#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "head/image/boot_profile.h"

namespace mangrove::head {

/// A profile that a node posted (docs/profiles.md).
struct PostedProfile {
    std::string node;
    std::string received; ///< "2026-11-29T21:35:00Z"
    BootProfile profile;
};

/// The last profile of each node, a file each. Any thread may call it.
class BootProfiles {
  public:
    /// So many nodes at most: the oldest goes.
    static constexpr size_t kMostNodes = 256;

    explicit BootProfiles(std::filesystem::path directory) : directory_(std::move(directory)) {}

    /// Keeps the profile of a node in the place of the one before. An error when it is none.
    Result<> keep(const std::string& node, const std::string& written) const;

    /// Returns those of all nodes, by name.
    std::vector<PostedProfile> list() const;
    std::optional<PostedProfile> of_node(const std::string& node) const;

  private:
    std::filesystem::path directory_;
};

/// Returns what the API shows of a profile in a list.
Json description_of(const PostedProfile& posted);

} // namespace mangrove::head
