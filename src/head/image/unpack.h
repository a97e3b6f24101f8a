#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "head/image/entry_writer.h"

namespace mangrove::head {

/// An archive that is open for reading.
struct Tar {
    std::string name; ///< for messages
    UniqueFd file;
    std::string digest =
        {}; ///< SHA-256 of what comes out of the compression, in hexadecimal; empty: not checked
};

/// Whiteouts of the OCI image format: ".wh.NAME" removes NAME of the layers below, ".wh..wh..opq" all that
/// the layers below have in its directory.
enum class Whiteouts { honoured, plain_files };

struct UnpackRequest {
    std::filesystem::path directory; ///< an empty one
    std::vector<Tar> tars = {};      ///< the lowest first
    Whiteouts whiteouts = Whiteouts::plain_files;
    std::optional<uint64_t> epoch = {}; ///< no time that is set is later
    UnpackLimits limits = {};
};

/// Unpacks tars one upon the other into a directory, with owners, modes, times, attributes, hard links, holes
/// and device nodes, in a process that is confined to the directory. A warning says what could not be kept.
Result<> unpack(const UnpackRequest& request, Progress& progress);

/// An error unless this user can keep the owners of files.
Result<> check_may_unpack();

uint64_t size_of(const Tar& tar);

/// A tar on the disk, opened without waiting for a FIFO or device that has its name.
Result<Tar> open_tar(const std::filesystem::path& path);

} // namespace mangrove::head
