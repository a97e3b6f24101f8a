#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace mangrove::ctl {

/// Which of the images in a layout is meant.
struct OciChoice {
    std::string reference = {};    ///< its name or, of Docker's, its tag; empty: there must be one
    std::string architecture = {}; ///< "amd64"; empty: this machine's
};

/// True where it is a directory with an OCI image layout, or with what `docker save` writes.
bool is_oci_layout(const std::filesystem::path& directory);

/// True where it is a tar of such a directory, by its first names.
Result<bool> is_oci_archive(const std::filesystem::path& file);

/// The files of the layers, the lowest first. Their digests are checked.
Result<std::vector<std::filesystem::path>> oci_layers(const std::filesystem::path& directory,
                                                      const OciChoice& choice);

} // namespace mangrove::ctl
