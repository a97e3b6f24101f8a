#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "head/files/file_sets.h"
#include "head/rollout/release.h"
#include "head/serve/boot_table.h"

namespace mangrove::head {

/// The rendered files of one boot of a node.
struct FilesOfBoot {
    std::vector<std::string> boot = {}; ///< digests of tars; the last is the uppermost
    std::string live = {};              ///< digest of one tar with all live sets; empty: none
    std::string problem = {};           ///< why a set could not be rendered
};

/// The rendered files of one node: those of its groups, and those of releases.
struct NodeFiles : FilesOfBoot {
    std::map<std::string, FilesOfBoot> releases = {};

    /// "": no release.
    FilesOfBoot& of(const std::string& release) { return release.empty() ? *this : releases[release]; }
    FilesOfBoot of(const std::string& release) const {
        auto found = releases.find(release);
        return release.empty() || found == releases.end() ? *this : found->second;
    }
};

/// The releases that a node can be served, by id; nullptr: none, but what its values and groups say.
using ReleasesOfNode = std::map<std::string, const Release*>;
using ReleasesOfNodes = std::map<std::string, ReleasesOfNode>; ///< by the node

/// Returns something else when a file below the directory has changed.
std::string state_below(const std::filesystem::path& directory);

/// Renders the sets of files of all nodes, and renders again only what has changed since.
class FilesOfNodes {
  public:
    using Files = std::map<std::string, NodeFiles>; ///< by the node

    /// `is_open`: nodes without a value `trust` get no secrets.
    FilesOfNodes(RenderProgram program, FileStore store, bool is_open)
        : program_(std::move(program)), store_(std::move(store)), is_open_(is_open) {}

    /// Renders for each boot of a node: the sets that its groups name, or those of a release. A node that
    /// `releases` leaves out boots without one. The table's problems get a line for each error, with the
    /// nodes that have it.
    Result<Files> render(Database& database, const Inventory& inventory, BootTable& table,
                         const ReleasesOfNodes& releases = {});
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
    /// Of one revision of a set: what was rendered, and from what for all nodes.
    struct Made {
        std::string from;
        std::map<std::string, OfNode> nodes;
    };
    /// One boot of a node, and its sets; the last is the uppermost.
    struct Wanted {
        std::string node;
        std::string release;
        std::vector<FileSet> sets = {};
    };
    struct Using {
        FileSet set;
        std::vector<std::string> nodes = {};
        std::vector<const Wanted*> boots = {};
    };
    Result<std::vector<Wanted>> find_wanted(Database& database, const Inventory& inventory,
                                            const ReleasesOfNodes& releases, Seen& seen, Files& files,
                                            BootTable& table) const;
    Result<RenderedFiles> render_changed(const FileSet& set, const std::vector<std::string>& nodes,
                                         const Inventory& inventory, const Seen& seen);
    void render_set(const Using& use, const Inventory& inventory, const Seen& seen, Files& files,
                    BootTable& table);
    Result<> collect(const Wanted& wanted, FilesOfBoot& files);
    Result<std::string> merge_live(const std::vector<std::string>& digests);

    RenderProgram program_;
    FileStore store_;
    bool is_open_;
    GivenSecrets secrets_;             ///< as they were read last
    std::map<std::string, Made> made_; ///< by the set and its revision
    std::map<std::string, std::string>
        merged_; ///< the digest of what was merged, by the digests of its parts
};

} // namespace mangrove::head
