#include "verity/table.h"

#include "verity/superblock.h"

namespace mangrove::verity {

std::string parameters_of(const Target& target) {
    return text("1 ", target.data_device, " ", target.hash_device, " ", kBlock, " ", kBlock, " ",
                target.data_blocks, " ", target.tree_block, " sha256 ", target.root_hash, " ",
                target.salt.empty() ? "-" : target.salt, target.restarts ? " 1 restart_on_corruption" : "");
}

} // namespace mangrove::verity
