#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "head/image/entry_writer.h"
#include "head/image/unpack.h"

namespace mangrove::head {

/// Unpacks tars one upon the other into the root directory of the calling thread, which has to be a confined
/// one.
class Layers {
  public:
    Layers(std::optional<uint64_t> epoch, const UnpackLimits& limits, Advance advance = {})
        : epoch_(epoch), budget_(limits), advance_(std::move(advance)) {}

    /// Unpacks a layer: replaces existing files, merges directories.
    Result<> unpack(const Tar& tar, Whiteouts whiteouts);
    /// Directories get the times that the last tar gave them; those that no tar named get a fixed one.
    Result<> finish();
    const LeftOut& left_out() const { return left_out_; }

  private:
    Result<> unpack_entry(TarReader& tar, archive_entry* entry, Whiteouts whiteouts);
    Result<> unpack_at(TarReader& tar, archive_entry* entry, const std::string& name);
    Result<std::string> real_name(const std::string& name);
    Result<std::string> real_directory(const std::filesystem::path& name);
    Result<> apply_whiteout(const std::filesystem::path& name);
    Result<> remove_lower(const std::string& name);
    Result<> remove_all_lower(const std::string& directory);
    Result<> make_room(const std::string& name, bool for_directory);
    Result<> make_hard_link(const std::string& target, const std::string& name);
    void note_directory(archive_entry* entry, const std::string& name);
    Result<> finish_directory(const std::string& name);

    std::optional<uint64_t> epoch_;
    Budget budget_;
    Advance advance_;
    LeftOut left_out_;
    struct Directory {
        timespec time = {};
        std::optional<std::string> default_acl = {};
    };
    std::map<std::string, Directory> directories_;
    std::set<std::string> of_this_layer_;
};

} // namespace mangrove::head
