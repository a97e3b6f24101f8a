#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "head/files/file_tree.h"
#include "head/nodes/database.h"

namespace mangrove::head {

/// A set of files. Its revisions are kept in a FileStore, and the current one in the database.
struct FileSet {
    std::string name;
    std::string revision;        ///< "base-0123456789ab": with the first digits of the digest of its tar
    std::string moment = "boot"; ///< "boot": a layer of the root; "live": kept up to date by the node
    uint64_t read_at = 0;        ///< revision of the database

    std::string key() const { return "files/" + name; }
};

Result<std::vector<FileSet>> list_file_sets(Database& database);
/// The error suggests a name.
Result<FileSet> find_file_set(Database& database, const std::string& name);
/// Returns what the database has of a set.
std::string to_json(const FileSet& set);
/// Returns what commands and the API show of a set.
Json description_of(const FileSet& set);

/// A directory with the revisions of all sets (NAME/REVISION.tar) and what was rendered of them
/// (rendered/DIGEST.tar).
class FileStore {
  public:
    explicit FileStore(std::filesystem::path directory) : directory_(std::move(directory)) {}

    /// Keeps a tree as a revision, and returns its id. A revision that is there already stays.
    Result<std::string> add(const std::string& set, const FileTree& tree) const;
    Result<FileTree> read(const std::string& set, const std::string& revision) const;
    /// Returns the revisions of a set, the newest first.
    std::vector<std::string> revisions(const std::string& set) const;
    /// Returns the revision that a reference means: an id, or its beginning.
    Result<std::string> find_revision(const std::string& set, const std::string& reference) const;
    Result<> remove(const std::string& set) const;

    /// Keeps what was rendered, and returns its SHA-256. Equal ones are kept once.
    Result<std::string> add_rendered(const std::string& tar) const;
    std::filesystem::path rendered(const std::string& digest) const;
    /// Removes what was rendered more than a day ago, except for `kept` (digests).
    void prune_rendered(const std::set<std::string>& kept) const;

  private:
    std::filesystem::path directory_;
};

/// The store beside a database, which names the revisions in it; that of a database in etcd is in `state`.
FileStore store_beside(const std::string& database, const std::filesystem::path& state);

} // namespace mangrove::head
