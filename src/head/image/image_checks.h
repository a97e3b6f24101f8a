#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "head/image/boot_files.h"
#include "head/image/pack.h"

namespace mangrove::head {

/// A line for each thing of a tree that would only show on a node: no mount points, no init, secrets.
std::vector<std::string> image_warnings(const std::filesystem::path& tree);

/// Warns of these, and fails where the image's kernel could not mount what would be packed.
Result<> check_image(const std::filesystem::path& tree, const Packing& packing, const BootRequest& boot,
                     Progress& progress);

} // namespace mangrove::head
