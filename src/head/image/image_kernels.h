#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace mangrove::head {

struct Kernel {
    std::string version;
    std::filesystem::path file;    ///< on this machine
    std::filesystem::path root;    ///< the tree that the modules are in
    std::filesystem::path modules; ///< in the root
};

/// Returns the name that a kernel for x86 has for itself, from its header (Documentation/arch/x86/boot.rst):
/// "6.12.43-amd64 (builder@host) #1 SMP …"; empty where the file is none.
std::string name_of_kernel(const std::filesystem::path& file);

/// The kernels of an image that have modules, the one to boot last: the newest that is no variant.
std::vector<Kernel> kernels_of(const std::filesystem::path& tree);

/// The directories of modules where a name is none that a kernel's version can have.
std::vector<std::string> places_with_other_names(const std::filesystem::path& tree);

/// Returns the names in /boot and /lib/modules of an image in which no kernel was found; empty if it has no
/// /boot.
std::string names_near_kernels(const std::filesystem::path& tree);

} // namespace mangrove::head
