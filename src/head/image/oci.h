#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "head/image/unpack.h"

namespace mangrove::head {

/// Chooses one of the images in a layout.
struct OciChoice {
    std::string reference = {};    ///< its name or, of Docker's, its tag; empty: there must be one
    std::string architecture = {}; ///< "amd64", or with a variant: "amd64/v2"; empty: this machine's
    std::string digest = {};       ///< "sha256:…" of its manifest, or of an index
};

/// True where it is a directory with an OCI image layout, or with what `docker save` writes.
bool is_oci_layout(const std::filesystem::path& directory);

/// True where it is a tar of such a directory. Names alone tell, wherever in the tar they are; the tar is
/// read by a process that is confined to `empty`, a directory. An error says what a file that is no tar is.
Result<bool> is_oci_archive(const Tar& tar, const std::filesystem::path& empty, const UnpackLimits& limits,
                            Progress& progress);

/// The layers, the lowest first. Digests are checked, or stand in the layer, to be checked when it is read.
Result<std::vector<Tar>> oci_layers(const std::filesystem::path& directory, const OciChoice& choice);

} // namespace mangrove::head
