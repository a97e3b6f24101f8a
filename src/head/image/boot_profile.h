#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

/// Profiles of boots (docs/profiles.md): which files a boot reads, and in which order. A node records one,
/// images are laid out by it.
namespace mangrove::head {

struct ReadRange {
    uint64_t offset = 0;
    uint64_t size = 0;

    bool operator==(const ReadRange&) const = default;
};

struct ProfiledFile {
    std::string path;              ///< "/usr/bin/env"
    std::vector<ReadRange> ranges; ///< rising, apart from each other

    bool operator==(const ProfiledFile&) const = default;
};

struct BootProfile {
    static constexpr size_t kMostBytes = 4UL << 20;
    static constexpr size_t kMostFiles = 20'000;

    uint64_t boots = 1; ///< it was merged from so many
    std::string name = {};
    std::string release = {};
    std::vector<ProfiledFile> files = {}; ///< in the order of their first reads

    uint64_t bytes() const;
};

/// Reads a profile that anybody may have written: no path of it leads out of a tree or is more than one line.
Result<BootProfile> parse_profile(const std::string& text);
Result<BootProfile> read_profile(const std::filesystem::path& file);
/// Returns the text of a profile, of which there is one only, with a file a line.
std::string to_text(const BootProfile& profile);

/// Merges profiles of several boots. The order of the files is that of their mean places; their ranges add
/// up.
Result<BootProfile> merge_profiles(const std::vector<BootProfile>& profiles);

/// Returns the file that `mksquashfs -sort` takes: those of the profile's files that are in the tree, so that
/// they come first.
Result<std::string> sort_list(const BootProfile& profile, const std::filesystem::path& tree);

} // namespace mangrove::head
