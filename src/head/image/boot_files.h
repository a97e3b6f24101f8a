#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "head/host/progress.h"
#include "head/image/image_kernels.h"

namespace mangrove::head {

enum class BootFiles { when_there, none };

/// Describes the files that a node needs before it has its root: the image's kernel, and an initramfs that
/// `mangrove initramfs` builds from the image's modules.
struct BootRequest {
    BootFiles wanted = BootFiles::when_there;
    std::filesystem::path kernel = {};  ///< in the place of the image's own, with `modules`
    std::filesystem::path modules = {}; ///< …/lib/modules/VERSION
    std::string version = {};           ///< which of the image's kernels; empty: the newest
    std::filesystem::path mangrove =
        {}; ///< the static program; empty: the one beside this program, or in PATH
    std::vector<std::string> initramfs_options = {};
};

/// The kernel that nodes boot: the one that was asked for, or the image's newest. Nothing where the image has
/// none.
Result<std::optional<Kernel>> choose_kernel(const std::filesystem::path& tree, const BootRequest& request);

/// Whether the program that goes into the initramfs knows how to post the health of a node.
bool can_post_health(const BootRequest& request);

/// Makes vmlinuz-VERSION and initramfs-VERSION in a directory. The kernel's version, empty where the tree has
/// none.
Result<std::string> make_boot_files(const std::filesystem::path& tree, const std::filesystem::path& directory,
                                    const BootRequest& request, Progress& progress);

} // namespace mangrove::head
