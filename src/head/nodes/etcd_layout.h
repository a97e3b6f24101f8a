#pragma once

#include <optional>
#include <string>
#include <vector>

#include "head/nodes/database.h"
#include "head/nodes/etcd_requests.h"

/// How the database is kept in etcd, below a prefix:
///
///     version                    of this layout; a newer one is refused
///     counter                    the revision of the last transaction
///     entries/KEY                REVISION, newline, the value's first piece
///     entries/KEY\0NUMBER        the value's further pieces
///     log/REVISION               the transaction's id and changes, or the stage that has them
///     stages/BASE-ID/NUMBER      pieces of the changes of a transaction that is too large for one of etcd's
///     pending                    the revision and the stage of a transaction whose changes are not yet
///     entries leases/NAME                SECONDS and the holder, with a lease of etcd's
///
/// A large transaction is staged first, and is committed by one transaction of etcd's, which raises the
/// counter and writes `pending`. Whoever reads or writes next, and finds that, first makes its changes
/// entries. So readers find all of it or nothing, wherever its writer dies.
namespace mangrove::head {

struct EtcdKeys {
    explicit EtcdKeys(const std::string& below);

    std::string entry(const std::string& key) const { return entries + key; }
    KeyRange entry_pieces(const std::string& key) const;
    std::string log(uint64_t revision) const;
    KeyRange logs(uint64_t first, uint64_t end) const { return {log(first), log(end)}; }
    /// Returns the name of a stage that is made at a revision.
    static std::string stage(uint64_t base, const std::string& id);
    KeyRange stage_pieces(const std::string& name) const { return keys_below(stages + name + "/"); }
    std::string stage_piece(const std::string& name, size_t number) const;
    /// Returns those that were made before a revision.
    KeyRange stages_before(uint64_t base) const;
    std::string lease(const std::string& name) const { return leases + name; }

    std::string version;
    std::string counter;
    std::string pending;
    std::string entries;
    std::string logs_prefix;
    std::string stages;
    std::string leases;
};

/// Checks a key: "\0" begins a piece's number.
Result<> check_key(const std::string& key);

/// Returns the steps that make changes entries.
std::vector<Operation> entry_operations(const EtcdKeys& keys, const std::vector<Change>& changes,
                                        uint64_t revision);
/// Joins the pieces of entries.
std::vector<Entry> entries_of(const EtcdKeys& keys, const std::vector<KeyValue>& found);
uint64_t revision_of_entry(const std::string& first_piece);

std::string encode_changes(const std::vector<Change>& changes);
/// Nothing where the text is damaged.
std::optional<std::vector<Change>> decode_changes(std::string_view encoded, uint64_t revision);

std::vector<std::string> pieces_of(std::string_view whole);
/// Groups steps so that etcd takes each group as one transaction.
std::vector<std::vector<Operation>> batches_of(std::vector<Operation> operations);
/// Whether one transaction of etcd's takes the steps, and `more` bytes.
bool fit_at_once(const std::vector<Operation>& operations, size_t more);

} // namespace mangrove::head
