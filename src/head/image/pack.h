#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "head/host/progress.h"
#include "head/image/boot_profile.h"

namespace mangrove::head {

/// Whether security.selinux of the tree's files is the image's or of the machine that it lies on.
enum class Labels { of_image, of_host };

/// How a tree becomes a file system in a file.
struct Packing {
    std::string format = "squashfs"; ///< squashfs, erofs or ext4
    /// "zstd:3": with a level; empty: the format's own default. For squashfs also "none", and "seed": the
    /// data with gzip, the inodes and attributes not at all.
    std::string compression = {};
    std::string seed = {};                   ///< what the file system's UUID is made from
    std::optional<uint64_t> epoch = {};      ///< SOURCE_DATE_EPOCH: no time in the image is later
    uint64_t size = 0;                       ///< of an ext4; 0: as much as the tree needs
    uint64_t block_size = 0;                 ///< of a squashfs; 0: the format's own, or what suits a profile
    std::optional<BootProfile> profile = {}; ///< by which a squashfs is laid out
    Labels labels = Labels::of_image;        ///< those of the host are left out
};

Result<> check_packing(const Packing& packing);
/// The compression without its level; the format's default where none was named.
std::string compression_of(const Packing& packing);

/// Packs the tree. The same tree gives the same bytes: names, owners, modes, attributes, contents and times
/// of change come from it, all else is fixed. The work is as large as the tree's files.
Result<> pack(const std::filesystem::path& tree, const std::filesystem::path& file, const Packing& packing,
              Progress& progress);

/// The UUID (RFC 9562, version 8) that is made from a text.
std::string uuid_from(const std::string& seed);

/// Sets what mke2fs 1.47 takes from the host: gives each file the time of its last change as its other times,
/// and the root the owner, mode, time and attributes of the tree's.
Result<> normalize_ext4(const std::filesystem::path& tree, const std::filesystem::path& file,
                        std::optional<uint64_t> epoch, Labels labels);

/// Puts this time in the place of the clock's, which mkfs.erofs 1.5 writes into the superblock.
Result<> normalize_erofs_time(const std::filesystem::path& file, uint64_t time);

} // namespace mangrove::head
