#pragma once

#include <cstdint>
#include <functional>
#include <semaphore>
#include <sys/stat.h>
#include <thread>

#include "head/host/files.h"
#include "head/image/layers.h"

namespace mangrove::head {

/// For fuzzers, as root: a directory that tars are unpacked into by a confined thread, for a process each
/// would be slow and its code unseen, and beside it a file that no tar can reach.
class FuzzedTree {
  public:
    FuzzedTree();
    FuzzedTree(const FuzzedTree&) = delete;
    ~FuzzedTree();

    std::filesystem::path tree() const { return work_.path / "tree"; }
    /// The tree is then what this tar alone holds.
    Result<> unpack(const uint8_t* data, size_t size, Whiteouts whiteouts);
    /// Aborts if the file beside the tree has changed.
    void check() const;
    bool is_outside(const UniqueFd& file) const;

  private:
    void serve();

    Stage work_;
    struct stat before_ = {};
    std::function<void()> work_item_ = {};
    std::binary_semaphore wanted_{0};
    std::binary_semaphore done_{0};
    std::thread worker_;
};

} // namespace mangrove::head
