#pragma once

#include <functional>
#include <string>
#include <vector>

#include "head/files/file_store.h"
#include "head/files/renderer.h"
#include "head/nodes/inventory.h"

/// The operations on sets of files.
namespace mangrove::head {

struct ImportedFiles {
    FileSet set;
    std::string before = {}; ///< the revision that it replaces; empty: the set is new
};

/// Imports a directory as the current revision of a set. Of an overlay of Warewulf 4.6, which has a directory
/// `rootfs`, that one is taken. `moment`: "boot" or "live"; empty: as it is, or "boot".
Result<ImportedFiles> import_files(Database& database, const FileStore& store, const std::string& name,
                                   std::filesystem::path from, const std::string& moment);

/// Finds a file by its path, with or without a leading slash. The error suggests one.
Result<FileTree::const_iterator> find_file(const FileTree& tree, const std::string& set,
                                           const std::string& path);
/// Returns the tree with other contents of one of its files, under all names of that file.
Result<FileTree> with_contents(FileTree tree, const std::string& set, const std::string& path,
                               const std::string& contents);
/// Makes a tree the current revision of a set. An error where the set was changed since it was read.
Result<FileSet> commit_revision(Database& database, const FileStore& store, FileSet set,
                                const FileTree& tree);

/// Removes a set with its revisions. An error while a group names it.
Result<FileSet> remove_files(Database& database, const FileStore& store, const Inventory& inventory,
                             const std::string& name);

/// One error of a set, and the nodes that have it.
struct FilesProblem {
    std::string error;
    std::vector<std::string> nodes;
};

struct RenderedFor {
    std::string node;
    std::string digest;
    uint64_t size = 0;
};

struct RenderedFiles {
    std::vector<RenderedFor> nodes;     ///< in the order of the names
    std::vector<FilesProblem> problems; ///< of the other nodes, by their first one
};

/// Takes what was rendered for a node; two threads call it. Returns its digest.
using KeepRendered = std::function<Result<std::string>(const std::string& node, const std::string& tar)>;

/// The secrets that templates read.
struct GivenSecrets {
    std::map<std::string, std::string> values = {}; ///< by their names
    bool is_open = false; ///< of nodes without a value `trust`: as if it were "open"; they get none
};

/// Renders a tree for nodes of the inventory, into tars that depend on nothing else but the secrets.
Result<RenderedFiles> render_files(const RenderProgram& program, const std::string& set, const FileTree& tree,
                                   const Inventory& inventory, const std::vector<std::string>& nodes,
                                   const GivenSecrets& secrets, const KeepRendered& keep);

} // namespace mangrove::head
