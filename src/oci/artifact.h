#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace mangrove::oci {

/// Of our artifacts: their type, and the beginning of the type of the layer that is the image's file, before
/// its format.
inline constexpr std::string_view kImageType = "application/vnd.mangrove.image.v1";
/// The record of the image, as the artifact's configuration.
inline constexpr std::string_view kConfigurationType = "application/vnd.mangrove.image.config.v1+json";
/// Of another file that belongs to the image, by its title.
inline constexpr std::string_view kFileType = "application/vnd.mangrove.file.v1";
inline constexpr std::string_view kKernelType = "application/vnd.mangrove.kernel.v1";
inline constexpr std::string_view kInitramfsType = "application/vnd.mangrove.initramfs.v1";

/// A layer of an artifact.
struct Layer {
    std::string media_type = {};
    std::string digest = {};
    uint64_t size = 0;
    std::string title = {}; ///< the name of the file; empty: it has none
};

/// Reads the layers of a manifest; an index or a list of manifests is an error.
Result<std::vector<Layer>> layers_of(std::string_view manifest);

/// Chooses the layer that is the image's file: the one of our type; where none is, the one whose title ends
/// with the name of a file system; where there are none of these either, the only layer, unless it is a tar.
Result<Layer> image_of(const std::vector<Layer>& layers);

} // namespace mangrove::oci
