#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "head/files/file_sets.h"

namespace mangrove::head {

/// The rendered files of one node.
struct NodeFiles {
    std::vector<std::string> boot = {}; ///< digests of tars; the last is the uppermost
    std::string live = {};              ///< digest of one tar with all live sets; empty: none
    std::string problem = {};           ///< why a set could not be rendered
};

/// Renders the sets of files of all nodes, and renders again only what has changed since.
class FilesOfNodes {
  public:
    FilesOfNodes(RenderProgram program, FileStore store)
        : program_(std::move(program)), store_(std::move(store)) {}

    /// Returns the files by node. `problems` gets a line for each error, with the nodes that have it.
    Result<std::map<std::string, NodeFiles>> render(Database& database, const Inventory& inventory,
                                                    std::vector<std::string>& problems);
    const FileStore& store() const { return store_; }

  private:
    /// Of one set: the digests that were rendered, by node, and what they were made from.
    struct Made {
        std::string from;
        std::map<std::string, std::pair<std::string, std::string>> nodes;
    };
    struct Wanted {
        const FileSet* set;
        std::vector<std::string> nodes;
    };
    Result<> render_set(const Wanted& wanted, const Inventory& inventory, const std::string& everything,
                        std::map<std::string, NodeFiles>& files, std::vector<std::string>& problems);
    Result<std::string> merge_live(const std::vector<std::string>& digests);

    RenderProgram program_;
    FileStore store_;
    std::map<std::string, Made> made_;
    std::map<std::string, std::string> merged_; ///< digest of what was merged from these
};

} // namespace mangrove::head
