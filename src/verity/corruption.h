#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mangrove::verity {

/// A block that does not have the hash that it must have.
struct Corruption {
    bool is_of_tree = false;
    uint64_t block = 0;

    bool operator==(const Corruption&) const = default;
};

/// Returns the last one of which the kernel's log tells; `number` is that of the data's device ("8:0").
/// Ignores lines that programs wrote to the log.
std::optional<Corruption> last_corruption(std::string_view kernel_log, std::string_view number);

/// "data block 7 of /dev/sda is corrupted: it does not fit the root hash"
std::string to_text(const Corruption& corruption, std::string_view device);

} // namespace mangrove::verity
