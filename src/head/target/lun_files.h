#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/whole_file.h"
#include "head/host/progress.h"

/// The files and devices behind the LUNs of targets.
namespace mangrove::head {

/// A file below a directory; links are followed, but not out of it. Nothing of it has to be there.
Result<std::filesystem::path> place_inside(const std::filesystem::path& directory, const std::string& name);

struct Backing {
    std::string path;
    uint64_t size;
    bool is_new = false; ///< made just now
};

/// The file, made as a hole of `size` where it is missing. `size` 0: it has to be there, and is as large as
/// it is.
Result<Backing> file_backing(const std::filesystem::path& directory, const std::string& name, uint64_t size);
/// The one of `allowed` that is meant, by whatever name; under the name that it is allowed by.
Result<Backing> device_backing(const std::string& device, const std::vector<std::string>& allowed);

enum class Upload { copied, identical };
/// `refused`: other contents in its place are an error.
enum class Replacing { allowed, refused };
/// Copies `source` to the file, unpacked when it ends with .gz, .xz or .zst, with holes for zeros, and at
/// least `size` large. Nothing is written when the file has those contents already; it is replaced whole or
/// not at all.
Result<Upload> upload_file(const std::filesystem::path& source, const std::filesystem::path& file,
                           uint64_t size, Replacing replacing, Progress& progress);
/// The copy, which is not in its place yet. Nothing when the file has those contents already.
Result<std::optional<NewFile>> prepare_upload(const std::filesystem::path& source,
                                              const std::filesystem::path& file, uint64_t size,
                                              Replacing replacing, Progress& progress);

} // namespace mangrove::head
