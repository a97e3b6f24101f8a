#include <algorithm>
#include <cstdlib>

#include "verity/hash_tree.h"
#include "verity/superblock.h"

using namespace mangrove::verity;

/// A superblock that is accepted is written as it was read, and its tree has a place.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    mangrove::Result<Superblock> superblock = parse({data, size});
    if (!superblock) return 0;
    mangrove::Bytes written = encode(*superblock);
    mangrove::Result<Superblock> again = parse(written);
    if (!again || again->uuid != superblock->uuid || again->salt != superblock->salt
        || again->data_blocks != superblock->data_blocks)
        std::abort();
    uint64_t image = superblock->data_blocks + 1 + tree_blocks(superblock->data_blocks);
    if (data_blocks_in(image) != superblock->data_blocks) std::abort();
    return 0;
}
