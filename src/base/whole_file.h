#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace mangrove {

Result<std::string> read_file(const std::filesystem::path& path);

/// A file that appears complete or not at all, even when the program is killed or the machine loses power.
/// Until then it has no name (O_TMPFILE) or, where the file system does not support that, an unpredictable
/// one. Replaces a link in its place, never follows it.
class NewFile {
  public:
    /// Opens the new file; the umask limits `mode`.
    static Result<NewFile> create(const std::filesystem::path& path, unsigned mode = 0644);
    NewFile(NewFile&& other) noexcept = default;
    NewFile& operator=(NewFile&& other) = delete;
    ~NewFile(); ///< removes it, unless it was put in its place

    int fd() const { return file_.get(); }
    Result<> write(std::string_view contents);
    Result<> put_in_place();

  private:
    explicit NewFile(std::filesystem::path path) : path_(std::move(path)) {}
    Result<> open(unsigned mode);
    Result<> give_name();

    std::filesystem::path path_;
    UniqueFd directory_;
    UniqueFd file_;
    std::string temporary_; ///< in the directory; empty: it has no name
};

/// Replaces the file by a new one with these contents.
Result<> write_file(const std::filesystem::path& path, std::string_view contents, unsigned mode = 0644);

} // namespace mangrove
