#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

struct archive;
struct archive_entry;

namespace mangrove::ctl {

/// Unpacks tars one upon the other into a directory, with owners, modes, times, attributes, hard links, holes
/// and device nodes. Compressed ones are recognised. Nothing is written outside the directory, wherever names
/// and links lead.
class Unpacker {
  public:
    /// No time that is set is later than `epoch`.
    static Result<Unpacker> into(const std::filesystem::path& directory, std::optional<uint64_t> epoch);

    /// What stands there already is replaced; directories are merged.
    Result<> unpack(const std::filesystem::path& tar);
    /// The same with the whiteouts of the OCI image format: ".wh.NAME" removes NAME of the layers below,
    /// ".wh..wh..opq" all that the layers below have in its directory.
    Result<> unpack_layer(const std::filesystem::path& tar);
    /// Directories get the times that the last tar gave them; those that no tar named get a fixed one.
    Result<> finish();

  private:
    enum class Whiteouts { honoured, plain_files };
    struct Place {
        std::filesystem::path path; ///< on the host, free of links up to the last component
        std::string name;           ///< below the directory, likewise
    };

    Unpacker(std::filesystem::path directory, UniqueFd root, std::optional<uint64_t> epoch)
        : directory_(std::move(directory)), root_(std::move(root)), epoch_(epoch) {}

    Result<> unpack_all(const std::filesystem::path& tar, Whiteouts whiteouts);
    Result<> unpack_entry(archive* from, archive_entry* entry, Whiteouts whiteouts);
    Result<Place> place_of(const std::string& name);
    Result<std::string> real_directory(const std::filesystem::path& name);
    Result<> apply_whiteout(const Place& whiteout);
    Result<> remove_lower(const std::string& name);
    Result<> make_room(const Place& place, archive_entry* entry);
    Result<> redirect_link(archive_entry* entry);
    void limit_time(archive_entry* entry, const std::string& name);

    std::filesystem::path directory_;
    UniqueFd root_;
    std::optional<uint64_t> epoch_;
    std::map<std::string, int64_t> directory_times_;
    std::set<std::string> of_this_layer_;
};

} // namespace mangrove::ctl
