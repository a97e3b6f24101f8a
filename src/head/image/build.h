#pragma once

#include "head/image/boot_files.h"
#include "head/image/oci.h"
#include "head/image/pack.h"
#include "head/image/store.h"

namespace mangrove::head {

struct BuildRequest {
    std::string name;
    std::filesystem::path from =
        {}; ///< a directory, a tar, an OCI layout or archive, "docker://…" or "oci://…"
    std::filesystem::path recipe = {}; ///< or a program that fills a directory
    Packing packing;
    OciChoice choice;
    UnpackLimits limits = {};
    BootRequest boot;
};

struct Built {
    Image image;
    std::vector<std::string> warnings = {}; ///< also of what was left out
};

/// Builds an image into the store; it is the same one when its bytes are there already.
Result<Built> build_image(const Store& store, BuildRequest request, Progress& progress);

} // namespace mangrove::head
