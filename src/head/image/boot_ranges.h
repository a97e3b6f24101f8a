#pragma once

#include "head/image/boot_profile.h"

namespace mangrove::head {

/// Returns the ranges of a squashfs's file that a boot by this profile reads, rising and apart from each
/// other: the blocks and fragments of the profile's files, and the tables, which every boot reads. Ranges
/// near to each other become one, so that there are at most 64. Files that the image does not have are passed
/// over.
Result<std::vector<ReadRange>> boot_ranges(const std::filesystem::path& squashfs, const BootProfile& profile);

} // namespace mangrove::head
