#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "head/host/files.h"

namespace mangrove::head {

/// The record of an image: its `image.json`.
struct Image {
    std::string name;   ///< "debian"
    std::string id;     ///< "debian-0123456789ab": with the first digits of its digest
    std::string digest; ///< "sha256:…" of the file
    std::string format;
    std::string compression;
    std::string source;  ///< what it was built from, for people
    std::string created; ///< "2026-11-21T08:16:04.123Z"
    uint64_t size = 0;
    uint64_t sequence = 0;      ///< rises from build to build, also where the clock was set back between them
    std::string root_hash = {}; ///< of its hash tree (dm-verity); empty: it has none
    uint64_t hash_offset = 0;   ///< where the tree begins in the file
    uint64_t block_size = 0;    ///< that was asked for; 0: that of the format
    std::string profile_digest = {}; ///< "sha256:…" of the profile that it is laid out by; empty: by none
    std::string kernel_version = {}; ///< empty: nothing to boot was taken out of it
    bool posts_health = false;       ///< its initramfs has a Mangrove that knows how
    std::filesystem::path directory = {};

    std::filesystem::path file() const { return directory / (id + "." + format); }
    std::filesystem::path kernel() const { return directory / ("vmlinuz-" + kernel_version); }
    std::filesystem::path initramfs() const { return directory / ("initramfs-" + kernel_version); }
    std::filesystem::path contents() const { return directory / "contents"; }
    std::filesystem::path packages() const { return directory / "packages"; }
    std::filesystem::path profile() const { return directory / "profile.json"; }
};

/// Returns what commands and the API show of an image.
Json description_of(const Image& image);

/// Returns the record of an image as it goes to another store: without its place, time and sequence.
std::string portable_record_of(Image image);
/// Checks what becomes a part of names, and of definitions.
Result<Image> image_from_portable_record(const std::string& record);

/// A directory with a directory for each image. What is being built is in `.building-…`, which is locked by
/// the process that builds.
class Store {
  public:
    explicit Store(std::filesystem::path directory) : directory_(std::move(directory)) {}

    const std::filesystem::path& directory() const { return directory_; }
    Result<std::vector<Image>> list() const; ///< by name, the oldest first
    /// By its id, by enough of it, or by its name: then the one that was built last.
    Result<Image> find(const std::string& reference) const;
    std::filesystem::path directory_of(const std::string& id) const { return directory_ / id; }

    struct Workshop {
        UniqueFd lock;
        Stage stage;
    };
    /// An empty directory to build in; what killed builds left is removed.
    Result<Workshop> open_workshop() const;
    /// Puts the image, whose files lie in `from`, into the store. Where it is there already, what stands
    /// beside it is replaced. Its place, time and sequence are filled in.
    Result<Image> add(Image image, const std::filesystem::path& from) const;
    /// Whether it may go is the caller's to know.
    Result<> remove(const Image& image) const;

  private:
    std::filesystem::path directory_;
};

/// Letters, digits, '.', '_' and '-', for a name becomes part of file names, IQNs and exports.
Result<> check_image_name(const std::string& name);

} // namespace mangrove::head
