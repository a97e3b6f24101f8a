#pragma once

#include <functional>
#include <string>
#include <vector>

#include "live/state.h"
#include "live/version_cache.h"

namespace mangrove {

/// The numbers of files that one set changed.
struct Applied {
    size_t replaced = 0;
    size_t removed = 0;
};

/// The files of the running node, as far as a live set has to do with them, and what is recorded of them.
class NodeFiles {
  public:
    virtual ~NodeFiles() = default;

    /// Returns the recorded state; one of no files when there is none yet.
    virtual Result<LiveState> load() = 0;
    virtual Result<> save(const LiveState& state) = 0;
    /// Makes a directory for root alone, without anything in it.
    virtual Result<> make_empty(const std::string& directory) = 0;
    /// Looks what became of the files since, and records it in `left`. Returns whether the set is needed once
    /// more, since one is missing, is free to be replaced again, or was being replaced.
    virtual bool look(LiveState& state) = 0;
    /// Brings the node to the set that is unpacked in a directory. What the node has changed since is left as
    /// it is; a file that cannot be replaced keeps no other from it.
    virtual Result<Applied> apply(const std::string& directory, LiveState& state) = 0;
};

/// The files below a directory, which is "/" on a node.
class LinuxNodeFiles : public NodeFiles {
  public:
    /// Takes the paths that were written.
    using Relabel = std::function<void(const std::vector<std::string>& paths)>;

    LinuxNodeFiles(std::string root, std::string state_path, Relabel relabel)
        : root_(std::move(root)), state_path_(std::move(state_path)), relabel_(std::move(relabel)) {}

    Result<LiveState> load() override;
    Result<> save(const LiveState& state) override;
    Result<> make_empty(const std::string& directory) override;
    bool look(LiveState& state) override;
    Result<Applied> apply(const std::string& directory, LiveState& state) override;

  private:
    std::string root_;
    std::string state_path_;
    Relabel relabel_;
    VersionCache cache_;
};

} // namespace mangrove
