#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "head/files/file_sets.h"
#include "head/serve/boot_table.h"

namespace mangrove::head {

/// The rendered files of one node.
struct NodeFiles {
    std::vector<std::string> boot = {}; ///< digests of tars; the last is the uppermost
    std::string live = {};              ///< digest of one tar with all live sets; empty: none
    std::string problem = {};           ///< why a set could not be rendered
};

/// Returns something else when a file below the directory has changed.
std::string state_below(const std::filesystem::path& directory);

/// Renders the sets of files of all nodes, and renders again only what has changed since.
class FilesOfNodes {
  public:
    using Files = std::map<std::string, NodeFiles>; ///< by the node

    /// `is_open`: nodes without a value `trust` get no secrets.
    FilesOfNodes(RenderProgram program, FileStore store, bool is_open)
        : program_(std::move(program)), store_(std::move(store)), is_open_(is_open) {}

    /// The table's problems get a line for each error, with the nodes that have it.
    Result<Files> render(Database& database, const Inventory& inventory, BootTable& table);
    const FileStore& store() const { return store_; }

  private:
    /// Digests of all that templates can see.
    struct Seen {
        std::string include = {};
        std::string all_nodes = {};
        std::string secrets = {};
        std::map<std::string, std::string> nodes = {};
    };
    struct OfNode {
        std::string seen; ///< a digest of all that a template can see of the node
        std::string digest;
    };
    /// Of one set: what was rendered, and from what for all nodes.
    struct Made {
        std::string from;
        std::map<std::string, OfNode> nodes;
    };
    Result<RenderedFiles> render_changed(const FileSet& set, const std::vector<std::string>& nodes,
                                         const Inventory& inventory, const Seen& seen);
    void render_set(const std::string& name, const FileSet* set, const std::vector<std::string>& nodes,
                    const Inventory& inventory, const Seen& seen, Files& files, BootTable& table);
    Result<> collect(const std::string& node, const std::vector<std::string>& names,
                     const std::map<std::string, FileSet>& sets, NodeFiles& files);
    Result<std::string> merge_live(const std::vector<std::string>& digests);

    RenderProgram program_;
    FileStore store_;
    bool is_open_;
    GivenSecrets secrets_; ///< as they were read last
    std::map<std::string, Made> made_;
    std::map<std::string, std::string>
        merged_; ///< the digest of what was merged, by the digests of its parts
};

} // namespace mangrove::head
