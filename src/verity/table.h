#pragma once

#include <cstdint>
#include <string>

namespace mangrove::verity {

/// The target "verity" of the kernel's device mapper.
struct Target {
    std::string data_device = {};
    std::string hash_device = {};
    uint64_t data_blocks = 0;
    uint64_t tree_block = 0; ///< at which block of the hash device the tree begins
    std::string root_hash = {};
    std::string salt = {}; ///< hexadecimal
    bool restarts = false; ///< the machine, when a block is corrupted
};

/// Returns the target's parameters (Documentation/admin-guide/device-mapper/verity.rst).
std::string parameters_of(const Target& target);

} // namespace mangrove::verity
