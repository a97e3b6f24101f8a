#include <algorithm>
#include <map>
#include <random>
#include <span>
#include <thread>

#include "head/nodes/backup.h"
#include "head/nodes/etcd_client.h"
#include "head/nodes/etcd_layout.h"
#include "head/nodes/stale_write.h"

namespace mangrove::head {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr const char* kTransaction = "/v3/kv/txn";
constexpr const char* kRange = "/v3/kv/range";
constexpr uint64_t kVersion = 1;
constexpr uint64_t kKeptRevisions = 1'000; ///< for watch
/// A stage outlives the log that names it, which is at most so many revisions younger.
constexpr uint64_t kYoungestStage = 500;
constexpr uint64_t kKeptStages = kKeptRevisions + 2 * kYoungestStage;
constexpr size_t kPage = 256;  ///< keys that are read at once
constexpr size_t kReads = 100; ///< of one transaction
constexpr int kAttempts = 200; ///< when others write at the same time
constexpr milliseconds kLongestWatch{5'000};
constexpr milliseconds kPause{50};

std::string new_id() {
    std::random_device random;
    std::string id;
    for (int i = 0; i < 2; ++i) {
        unsigned number = random();
        id += hex({reinterpret_cast<const uint8_t*>(&number), sizeof number});
    }
    return id;
}

/// Longer after each attempt, and not the same for two writers.
void pause_after(int attempt) {
    constexpr int kLongest = 6;
    std::random_device random;
    std::this_thread::sleep_for(milliseconds(random() % (1U << std::min(attempt + 1, kLongest))));
}

milliseconds until(Clock::time_point end) {
    return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(end - Clock::now()));
}

/// The answer of one transaction of etcd's that reads.
struct Reading {
    uint64_t revision = 0;
    uint64_t etcd_revision = 0;
    bool is_new = false; ///< nothing was ever written
    std::vector<RangeAnswer> found;
};

/// Changes that lie in etcd, and are not committed by that.
struct StagedChanges {
    std::string name;
    uint64_t base = 0; ///< the revision when they were staged
};

/// A transaction that is to be committed.
struct Proposal {
    std::string id; ///< by which its writer knows it again in the log
    std::vector<Change> changes;
    std::string encoded; ///< the changes, for the log
    bool is_large = false;
    std::optional<StagedChanges> stage;
};

/// Of several writes of a key the last one counts.
Result<Proposal> propose(const EtcdKeys& keys, const std::vector<Write>& writes) {
    std::map<std::string, std::optional<std::string>> last;
    for (const Write& write : writes) {
        TRY(check_key(write.key));
        last[write.key] = write.value;
    }
    Proposal proposal{.id = new_id(), .changes = {}, .encoded = {}, .stage = {}};
    for (auto& [key, value] : last)
        proposal.changes.push_back({key, std::move(value)});
    proposal.encoded = encode_changes(proposal.changes);
    constexpr uint64_t kAnyRevision = 0;
    proposal.is_large =
        !fit_at_once(entry_operations(keys, proposal.changes, kAnyRevision), proposal.encoded.size());
    return proposal;
}

class EtcdDatabase : public Database {
  public:
    explicit EtcdDatabase(EtcdLocation location)
        : url_(std::move(location.url)), keys_(location.prefix), client_(std::move(location.endpoints)) {}

    Result<std::optional<Entry>> get(const std::string& key) override {
        TRY(check_key(key));
        Snapshot read = TRY(entries(keys_.entry_pieces(key)));
        if (read.entries.empty()) return std::nullopt;
        return std::move(read.entries[0]);
    }

    Result<std::vector<Entry>> list(const std::string& prefix) override {
        TRY(check_key(prefix));
        return TRY(snapshot(prefix)).entries;
    }

    Result<uint64_t> commit(const std::vector<Write>& writes) override { return commit_at(writes, {}); }

    Result<uint64_t> revision() override { return TRY(read({})).revision; }

    Result<std::vector<Change>> watch(const std::string& prefix, uint64_t after,
                                      milliseconds timeout) override {
        Clock::time_point end = Clock::now() + timeout;
        while (true) {
            Reading now = TRY(read({}));
            std::vector<Change> changes = TRY(changes_between(prefix, after, now.revision));
            if (!changes.empty() || Clock::now() >= end) return changes;
            after = std::max(after, now.revision);
            // A server that is cut off from the others has no events, and does not say so.
            milliseconds longest = std::min(until(end), kLongestWatch);
            Result<> waited =
                client_.wait_for_event(watch_request(keys_.counter, now.etcd_revision + 1), longest);
            if (!waited) std::this_thread::sleep_for(std::min(until(end), kPause));
        }
    }

    Result<bool> take_lease(const std::string& name, const std::string& holder,
                            std::chrono::seconds duration) override {
        std::string value = text(duration.count(), " ", holder);
        for (int attempt = 0; attempt < kAttempts; ++attempt) {
            std::optional<KeyValue> held = TRY(held_lease(name));
            if (held && holder_of(*held) != holder) return false;
            if (duration.count() <= 0) return TRY(end_lease(name, holder)), true;
            if (held && held->value == value && TRY(keep_alive(held->lease))) return true;
            if (TRY(grant_lease(name, value, duration, held ? held->mod_revision : 0))) {
                if (held) try_to_revoke(held->lease);
                return true;
            }
            pause_after(attempt);
        }
        return too_busy();
    }

    Result<> end_lease(const std::string& name, const std::string& holder) override {
        std::optional<KeyValue> held = TRY(held_lease(name));
        if (!held || holder_of(*held) != holder) return {};
        return revoke(held->lease);
    }

    Result<Snapshot> snapshot(const std::string& prefix) {
        return entries(keys_below(keys_.entries + prefix));
    }

    /// Makes the entries what they were in a snapshot, in one transaction.
    Result<> replace(const Snapshot& wanted) {
        for (int attempt = 0; attempt < kAttempts; ++attempt) {
            Snapshot now = TRY(snapshot(""));
            std::vector<Write> writes;
            for (const Entry& entry : now.entries)
                writes.push_back({entry.key, std::nullopt});
            for (const Entry& entry : wanted.entries)
                writes.push_back({entry.key, entry.value});
            Result<uint64_t> committed = commit_at(writes, now.revision);
            if (committed) return {};
            if (committed.error().code != ESTALE) return std::unexpected(std::move(committed).error());
            pause_after(attempt);
        }
        return too_busy();
    }

  private:
    /// Reads ranges, up to a page of each, and the revision to which they belong.
    Result<Reading> read(const std::vector<KeyRange>& ranges) {
        while (true) {
            EtcdTransaction asked;
            for (const std::string& key : {keys_.version, keys_.counter, keys_.pending})
                asked.read({key, {}}, 1);
            for (const KeyRange& range : ranges)
                asked.read(range, kPage);
            Json answer = TRY(client_.call(kTransaction, asked.json()));
            std::vector<RangeAnswer> found = range_answers(answer);
            if (found.size() != ranges.size() + 3) return unexpected_answer();
            const std::vector<KeyValue>& version = found[0].found;
            TRY(check_version(version));
            if (!found[2].found.empty()) {
                TRY(finish(found[2].found[0]), "finishing a transaction of another writer");
                continue;
            }
            const std::vector<KeyValue>& counter = found[1].found;
            Reading reading{.revision = counter.empty() ? 0 : parse_number(counter[0].value).value_or(0),
                            .etcd_revision = etcd_revision(answer),
                            .is_new = version.empty(),
                            .found = {}};
            reading.found.assign(std::make_move_iterator(found.begin() + 3),
                                 std::make_move_iterator(found.end()));
            return reading;
        }
    }

    Result<> check_version(const std::vector<KeyValue>& found) const {
        if (found.empty() || found[0].value == text(kVersion)) return {};
        return permanent_error(url_, ": version ", found[0].value,
                               " of the database is newer than this program; upgrade mangrovectl");
    }

    /// Reads all entries of a range, as they were at one moment.
    Result<Snapshot> entries(const KeyRange& range) {
        while (true) {
            Reading reading = TRY(read({range}));
            Result<std::vector<KeyValue>> all =
                rest_of(std::move(reading.found[0]), range, reading.etcd_revision);
            if (all) return Snapshot{.entries = entries_of(keys_, *all), .revision = reading.revision};
            // Compacted before all pages were read.
            if (all.error().code != ENODATA) return std::unexpected(std::move(all).error());
        }
    }

    Result<std::vector<KeyValue>> rest_of(RangeAnswer page, const KeyRange& range, uint64_t at) {
        std::vector<KeyValue> all = std::move(page.found);
        while (page.has_more && !all.empty()) {
            KeyRange rest{all.back().key + '\0', range.end};
            page = range_answer(TRY(client_.call(kRange, range_request(rest, kPage, at))).get());
            all.insert(all.end(), std::make_move_iterator(page.found.begin()),
                       std::make_move_iterator(page.found.end()));
        }
        return all;
    }

    /// Reads all of a range, at etcd's latest revision.
    Result<std::vector<KeyValue>> read_all(const KeyRange& range) {
        Json first = TRY(client_.call(kRange, range_request(range, kPage, 0)));
        return rest_of(range_answer(first.get()), range, etcd_revision(first));
    }

    /// Commits; with `base` only as the transaction after this revision.
    Result<uint64_t> commit_at(const std::vector<Write>& writes, std::optional<uint64_t> base) {
        Proposal proposal = TRY(propose(keys_, writes));
        Result<uint64_t> committed = try_until_committed(proposal, writes, base);
        // After any other error nobody knows whether it was committed.
        if (!committed && committed.error().code == ESTALE && proposal.stage)
            drop(keys_.stage_pieces(proposal.stage->name));
        return committed;
    }

    Result<uint64_t> try_until_committed(Proposal& proposal, const std::vector<Write>& writes,
                                         std::optional<uint64_t> base) {
        for (int attempt = 0; attempt < kAttempts; ++attempt) {
            Reading now = TRY(check_expectations(writes));
            if (base && now.revision != *base)
                return std::unexpected(
                    Error{.what = text(url_, ": changed meanwhile; run the command again"), .code = ESTALE});
            if (TRY(try_commit(proposal, now))) return now.revision + 1;
            pause_after(attempt);
        }
        return too_busy();
    }

    /// Compares the revisions of keys with what their writer has read.
    Result<Reading> check_expectations(const std::vector<Write>& writes) {
        std::vector<const Write*> expected;
        for (const Write& write : writes)
            if (write.expected) expected.push_back(&write);
        while (true) {
            Reading first = TRY(check_some(std::span(expected).first(std::min(kReads, expected.size()))));
            bool has_changed = false;
            for (size_t at = kReads; at < expected.size() && !has_changed; at += kReads) {
                size_t count = std::min(kReads, expected.size() - at);
                Reading next = TRY(check_some(std::span(expected).subspan(at, count)));
                has_changed = next.revision != first.revision;
            }
            if (!has_changed) return first;
        }
    }

    Result<Reading> check_some(std::span<const Write* const> writes) {
        std::vector<KeyRange> first_pieces;
        for (const Write* write : writes)
            first_pieces.push_back({keys_.entry(write->key), {}});
        Reading reading = TRY(read(first_pieces));
        for (size_t i = 0; i < writes.size(); ++i) {
            const std::vector<KeyValue>& found = reading.found[i].found;
            TRY(check_expected(*writes[i], found.empty() ? 0 : revision_of_entry(found[0].value)));
        }
        return reading;
    }

    /// Returns false where somebody else has written since `now` was read.
    Result<bool> try_commit(Proposal& proposal, const Reading& now) {
        uint64_t revision = now.revision + 1;
        std::vector<Operation> operations;
        std::string record = proposal.id + " ";
        if (proposal.is_large) {
            TRY(stage(proposal, now.revision), "staging a large transaction");
            operations.push_back(put(keys_.pending, text(revision, " ", proposal.stage->name)));
            record += proposal.stage->name + "\n";
        } else {
            operations = entry_operations(keys_, proposal.changes, revision);
            record += "-\n" + proposal.encoded;
        }
        operations.push_back(put(keys_.counter, text(revision)));
        operations.push_back(put(keys_.log(revision), std::move(record)));
        if (now.is_new) operations.push_back(put(keys_.version, text(kVersion)));
        if (revision > kKeptRevisions)
            operations.push_back(remove(keys_.logs(0, revision - kKeptRevisions + 1)));
        if (revision > kKeptStages) operations.push_back(remove(keys_.stages_before(revision - kKeptStages)));
        Json answer = TRY(client_.call(kTransaction, after(now, operations).json()));
        if (!has_succeeded(answer) && !TRY(has_committed(proposal, revision))) return false;
        // It is committed; whoever reads next finishes it where this fails.
        if (proposal.is_large) {
            [[maybe_unused]] Result<Reading> finished = read({});
        }
        return true;
    }

    EtcdTransaction after(const Reading& now, const std::vector<Operation>& operations) const {
        EtcdTransaction transaction;
        transaction.require_mod_revision(keys_.pending, 0);
        if (now.is_new)
            transaction.require_mod_revision(keys_.version, 0);
        else
            transaction.require_value(keys_.version, text(kVersion));
        if (now.revision == 0)
            transaction.require_mod_revision(keys_.counter, 0);
        else
            transaction.require_value(keys_.counter, text(now.revision));
        for (const Operation& operation : operations)
            transaction.add(operation);
        return transaction;
    }

    /// Whether the transaction of this revision is ours: where the answer to a request was lost, the request
    /// was sent again, and fails then.
    Result<bool> has_committed(const Proposal& proposal, uint64_t revision) {
        std::vector<KeyValue> found = TRY(read_all({keys_.log(revision), {}}));
        return !found.empty() && found[0].value.starts_with(proposal.id + " ");
    }

    Result<> stage(Proposal& proposal, uint64_t base) {
        if (proposal.stage && base <= proposal.stage->base + kYoungestStage) return {};
        StagedChanges staged{.name = EtcdKeys::stage(base, proposal.id), .base = base};
        size_t number = 0;
        for (std::string& piece : pieces_of(proposal.encoded)) {
            EtcdTransaction transaction;
            transaction.add(put(keys_.stage_piece(staged.name, number++), std::move(piece)));
            TRY(client_.call(kTransaction, transaction.json()));
        }
        proposal.stage = std::move(staged);
        return {};
    }

    /// Deletes what nobody needs; nothing is wrong where it stays.
    void drop(const KeyRange& range) {
        EtcdTransaction transaction;
        transaction.add(remove(range));
        [[maybe_unused]] Result<Json> done = client_.call(kTransaction, transaction.json());
    }

    Result<std::vector<Change>> staged_changes(const std::string& name, uint64_t revision) {
        std::string encoded;
        for (const KeyValue& piece : TRY(read_all(keys_.stage_pieces(name))))
            encoded += piece.value;
        std::optional<std::vector<Change>> changes = decode_changes(encoded, revision);
        if (!changes || changes->empty())
            return permanent_error(url_, ": stage ", name,
                                   " is missing or damaged; restore a snapshot of etcd");
        return std::move(*changes);
    }

    /// Makes the changes of a committed transaction entries. Several may do so at once; once one is through,
    /// `pending` is gone, and the others change nothing.
    Result<> finish(const KeyValue& pending) {
        size_t space = pending.value.find(' ');
        uint64_t revision = parse_number(pending.value.substr(0, space)).value_or(0);
        Result<std::vector<Change>> changes = staged_changes(pending.value.substr(space + 1), revision);
        if (!changes) return std::unexpected(std::move(changes).error());
        for (std::vector<Operation>& batch : batches_of(entry_operations(keys_, *changes, revision)))
            if (!TRY(apply_while_pending(pending, batch))) return {};
        TRY(apply_while_pending(pending, {remove({keys_.pending, {}})}));
        return {};
    }

    Result<bool> apply_while_pending(const KeyValue& pending, const std::vector<Operation>& operations) {
        EtcdTransaction transaction;
        transaction.require_mod_revision(keys_.pending, pending.mod_revision);
        for (const Operation& operation : operations)
            transaction.add(operation);
        return has_succeeded(TRY(client_.call(kTransaction, transaction.json())));
    }

    Result<std::vector<Change>> changes_between(const std::string& prefix, uint64_t after, uint64_t now) {
        std::vector<Change> changes;
        if (after >= now) return changes;
        std::vector<KeyValue> records = TRY(read_all(keys_.logs(after + 1, now + 1)));
        if (records.size() != now - after)
            return std::unexpected(
                Error{.what = text(url_, ": changes after revision ", after, " are no longer kept"),
                      .code = ENODATA});
        for (const KeyValue& record : records)
            for (Change& change : TRY(recorded_changes(record.value, ++after)))
                if (change.key.starts_with(prefix)) changes.push_back(std::move(change));
        return changes;
    }

    Result<std::vector<Change>> recorded_changes(const std::string& record, uint64_t revision) {
        size_t space = record.find(' ');
        size_t newline = std::min(record.find('\n'), record.size());
        std::string stage =
            record.substr(std::min(space + 1, newline), newline - std::min(space + 1, newline));
        if (stage != "-") return staged_changes(stage, revision);
        std::optional<std::vector<Change>> changes = decode_changes(record.substr(newline + 1), revision);
        if (!changes) return permanent_error(url_, ": the log of revision ", revision, " is damaged");
        return std::move(*changes);
    }

    static std::string holder_of(const KeyValue& lease) {
        return lease.value.substr(lease.value.find(' ') + 1);
    }

    Result<std::optional<KeyValue>> held_lease(const std::string& name) {
        Reading reading = TRY(read({{keys_.lease(name), {}}}));
        if (reading.found[0].found.empty()) return std::nullopt;
        return std::move(reading.found[0].found[0]);
    }

    /// Returns whether the lease had not ended.
    Result<bool> keep_alive(uint64_t lease) {
        Json answer = TRY(client_.call("/v3/lease/keepalive", lease_request(lease)));
        const cJSON* result = cJSON_GetObjectItemCaseSensitive(answer.get(), "result");
        return long_number_at(result, "TTL") > 0;
    }

    /// Returns false where the lease is not as it was read, at a revision of etcd's.
    Result<bool> grant_lease(const std::string& name, const std::string& value, std::chrono::seconds duration,
                             uint64_t read_at) {
        Json asked = make_json_object();
        add_long_number(asked.get(), "TTL", static_cast<uint64_t>(duration.count()));
        uint64_t lease = long_number_at(TRY(client_.call("/v3/lease/grant", asked)).get(), "ID");
        EtcdTransaction transaction;
        transaction.require_mod_revision(keys_.lease(name), read_at);
        transaction.add(put(keys_.lease(name), value), lease);
        if (has_succeeded(TRY(client_.call(kTransaction, transaction.json())))) return true;
        try_to_revoke(lease);
        return false;
    }

    Result<> revoke(uint64_t lease) {
        Result<Json> revoked = client_.call("/v3/lease/revoke", lease_request(lease));
        if (!revoked && revoked.error().code != ENOENT) return std::unexpected(std::move(revoked).error());
        return {};
    }

    /// Revokes a lease that no key has; it ends by itself where this fails.
    void try_to_revoke(uint64_t lease) { [[maybe_unused]] Result<> done = revoke(lease); }

    static Json lease_request(uint64_t lease) {
        Json json = make_json_object();
        add_long_number(json.get(), "ID", lease);
        return json;
    }

    std::unexpected<Error> unexpected_answer() const {
        return permanent_error(url_, ": the server answers, but not as etcd does; check its address");
    }

    std::unexpected<Error> too_busy() const {
        return transient_error(url_, ": others write all the time; run the command again");
    }

    std::string url_;
    EtcdKeys keys_;
    EtcdClient client_;
};

Result<std::unique_ptr<EtcdDatabase>> open_etcd(const std::string& url) {
    auto database = std::make_unique<EtcdDatabase>(TRY(parse_etcd_url(url)));
    TRY(database->revision(), "opening the database of nodes");
    return database;
}

} // namespace

Result<std::unique_ptr<Database>> open_etcd_database(const std::string& url) {
    return TRY(open_etcd(url));
}

Result<> back_up_etcd_database(const std::string& url, const std::filesystem::path& copy) {
    return write_backup(TRY(TRY(open_etcd(url))->snapshot("")), copy);
}

Result<> restore_etcd_database(const std::filesystem::path& copy, const std::string& url) {
    Snapshot wanted = TRY(read_backup(copy));
    return TRY(open_etcd(url))->replace(wanted);
}

} // namespace mangrove::head
