#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

/// Where nodes, groups and all else that an administrator decides is kept: keys ("node/n001") with values
/// (JSON), and one revision that each transaction raises, as etcd has it.
namespace mangrove::head {

struct Entry {
    std::string key;
    std::string value;
    uint64_t revision = 0; ///< of the transaction that wrote it last

    bool operator==(const Entry&) const = default;
};

/// One key of a transaction.
struct Write {
    std::string key;
    std::optional<std::string> value; ///< empty: the key is deleted
    /// The revision that the writer has read; 0: the key must not exist. Empty: any.
    std::optional<uint64_t> expected = {};
};

/// A key that a transaction changed; `value` is empty where it was deleted.
struct Change {
    std::string key;
    std::optional<std::string> value;
    uint64_t revision = 0;

    bool operator==(const Change&) const = default;
};

/// Each function can be called from several threads and processes at once. What was acknowledged survives a
/// loss of power. Errors of a database that is busy or away are transient.
class Database {
  public:
    virtual ~Database() = default;

    virtual Result<std::optional<Entry>> get(const std::string& key) = 0;
    /// Returns the entries whose key begins with `prefix`, by key.
    virtual Result<std::vector<Entry>> list(const std::string& prefix) = 0;
    /// Applies all writes or none, and returns the new revision. Error `ESTALE` where a key has another
    /// revision than was expected.
    virtual Result<uint64_t> commit(const std::vector<Write>& writes) = 0;
    /// Returns the revision of the last transaction; 0 for a new database.
    virtual Result<uint64_t> revision() = 0;
    /// Waits for changes of keys that begin with `prefix` and returns those after the revision `after`, by
    /// revision and key; none when `timeout` has passed. Error `ENODATA` where they are no longer kept: list
    /// again.
    virtual Result<std::vector<Change>> watch(const std::string& prefix, uint64_t after,
                                              std::chrono::milliseconds timeout) = 0;
    /// Takes or renews a lease, of an hour at most; false where another holder has it.
    virtual Result<bool> take_lease(const std::string& name, const std::string& holder,
                                    std::chrono::seconds duration) = 0;
    /// Ends a lease; one of another holder stays.
    virtual Result<> end_lease(const std::string& name, const std::string& holder) = 0;
};

/// Opens or makes the database that `where` names: a file (SQLite), or "etcd://HOST:PORT[,HOST:PORT…]/PREFIX"
/// (etcds: with TLS). One of a newer version of Mangrove is an error.
Result<std::unique_ptr<Database>> open_database(const std::string& where);
/// Whether it is a URL, and not a path.
bool is_etcd_url(std::string_view where);
/// Whether there is a file, which opening would make; true for a URL.
bool database_exists(const std::string& where);

/// Writes a copy of a database in use to the file `copy`, which must not exist.
Result<> back_up_database(const std::string& where, const std::filesystem::path& copy);

/// Checks a copy and replaces the database with it. A file may be damaged, and nobody may have it open; in
/// etcd, it is one transaction.
Result<> restore_database(const std::filesystem::path& copy, const std::string& where);

Result<std::unique_ptr<Database>> open_sqlite_database(const std::filesystem::path& file);
Result<> back_up_sqlite_database(const std::filesystem::path& file, const std::filesystem::path& copy);
Result<> restore_sqlite_database(const std::filesystem::path& copy, const std::filesystem::path& file);

Result<std::unique_ptr<Database>> open_etcd_database(const std::string& url);
Result<> back_up_etcd_database(const std::string& url, const std::filesystem::path& copy);
Result<> restore_etcd_database(const std::filesystem::path& copy, const std::string& url);

} // namespace mangrove::head
