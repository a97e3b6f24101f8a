#include <algorithm>
#include <fcntl.h>
#include <mutex>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>

#include "head/host/files.h"
#include "head/nodes/backup.h"
#include "head/nodes/stale_write.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

constexpr int kApplication = 0x4d677276; ///< "Mgrv", so that file(1) and we know our own
constexpr int kVersion = 1;
constexpr int64_t kKeptRevisions = 10'000; ///< for watch
constexpr std::chrono::milliseconds kPoll{50};
constexpr int kBusyTimeout = 10'000; ///< milliseconds
/// One that ends later was taken when the clock was wrong.
constexpr std::chrono::seconds kLongestLease{3600};

constexpr const char* kSchema = R"(
CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE changes (revision INTEGER, key TEXT, value TEXT, PRIMARY KEY (revision, key)) WITHOUT ROWID;
CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE counter (revision INTEGER NOT NULL);
INSERT INTO counter VALUES (0);
)";

using Handle = std::unique_ptr<sqlite3, decltype(&sqlite3_close_v2)>;

std::unexpected<Error> sqlite_error(sqlite3* handle, int code, const fs::path& file) {
    int kind = code & 0xff;
    bool is_transient =
        kind == SQLITE_BUSY || kind == SQLITE_LOCKED || kind == SQLITE_FULL || kind == SQLITE_IOERR;
    bool is_damaged = kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB;
    int system_code = handle && kind == SQLITE_IOERR ? sqlite3_system_errno(handle) : 0;
    Error error{.what = text(file.native(), ": ", handle ? sqlite3_errmsg(handle) : sqlite3_errstr(code),
                             system_code == 0 ? "" : ": " + errno_text(system_code),
                             is_damaged ? "; restore it with mangrovectl restore-backup" : ""),
                .permanence = is_transient ? Permanence::transient : Permanence::permanent};
    return std::unexpected(std::move(error));
}

/// A prepared statement, with its parameters bound from left to right.
class Statement {
  public:
    Statement(sqlite3* handle, const fs::path& file, const char* sql) : handle_(handle), file_(file) {
        code_ = sqlite3_prepare_v2(handle, sql, -1, &statement_, nullptr);
    }
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;
    ~Statement() { sqlite3_finalize(statement_); }

    Statement& bind(const std::string& value) {
        return note(sqlite3_bind_text64(statement_, ++bound_, value.data(), value.size(), SQLITE_TRANSIENT,
                                        SQLITE_UTF8));
    }
    Statement& bind(int64_t value) { return note(sqlite3_bind_int64(statement_, ++bound_, value)); }
    Statement& bind(const std::optional<std::string>& value) {
        return value ? bind(*value) : note(sqlite3_bind_null(statement_, ++bound_));
    }

    /// Returns whether there is a row.
    Result<bool> step() {
        if (code_ == SQLITE_OK) code_ = sqlite3_step(statement_);
        if (code_ == SQLITE_ROW) return code_ = SQLITE_OK, true;
        if (code_ == SQLITE_DONE) return false;
        return sqlite_error(handle_, code_, file_);
    }

    std::string text_at(int column) const {
        const auto* value = static_cast<const char*>(sqlite3_column_blob(statement_, column));
        return value ? std::string(value, static_cast<size_t>(sqlite3_column_bytes(statement_, column))) : "";
    }
    std::optional<std::string> text_or_null_at(int column) const {
        if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
        return text_at(column);
    }
    int64_t number_at(int column) const { return sqlite3_column_int64(statement_, column); }

  private:
    Statement& note(int code) {
        if (code_ == SQLITE_OK) code_ = code;
        return *this;
    }

    sqlite3* handle_;
    const fs::path& file_;
    sqlite3_stmt* statement_ = nullptr;
    int code_ = SQLITE_OK;
    int bound_ = 0;
};

class SqliteDatabase : public Database {
  public:
    SqliteDatabase(fs::path file, Handle handle, UniqueFd use)
        : file_(std::move(file)), handle_(std::move(handle)), use_(std::move(use)) {}

    Result<> prepare() {
        TRY(run("PRAGMA journal_mode = WAL"));
        // Each transaction is on the disk before it is acknowledged.
        TRY(run("PRAGMA synchronous = FULL"));
        // Most often there is nothing to make, and nobody has to wait for that.
        if (TRY(is_made())) return {};
        return in_transaction([&]() -> Result<> {
            if (TRY(is_made())) return {};
            return make();
        });
    }

    /// Fills a new file, which stays without a log beside it.
    Result<> write(const Snapshot& snapshot) {
        return in_transaction([&]() -> Result<> {
            TRY(make());
            for (const Entry& entry : snapshot.entries)
                TRY(put(entry.key, entry.value, static_cast<int64_t>(entry.revision)));
            TRY(set_revision(static_cast<int64_t>(snapshot.revision)));
            return {};
        });
    }

    Result<std::optional<Entry>> get(const std::string& key) override {
        std::lock_guard lock(mutex_);
        Statement statement = query("SELECT key, value, revision FROM entries WHERE key = ?");
        if (!TRY(statement.bind(key).step())) return std::nullopt;
        return entry_of(statement);
    }

    Result<std::vector<Entry>> list(const std::string& prefix) override {
        std::lock_guard lock(mutex_);
        std::vector<Entry> entries;
        Statement statement = query("SELECT key, value, revision FROM entries WHERE key >= ? ORDER BY key");
        statement.bind(prefix);
        while (TRY(statement.step())) {
            Entry entry = entry_of(statement);
            if (!entry.key.starts_with(prefix)) break;
            entries.push_back(std::move(entry));
        }
        return entries;
    }

    Result<uint64_t> commit(const std::vector<Write>& writes) override {
        std::lock_guard lock(mutex_);
        int64_t revision = 0;
        TRY(in_transaction([&]() -> Result<> {
            TRY(is_made());
            revision = TRY(number("SELECT revision FROM counter")) + 1;
            for (const Write& write : writes)
                TRY(apply(write, revision));
            TRY(set_revision(revision));
            TRY(query("DELETE FROM changes WHERE revision <= ?").bind(revision - kKeptRevisions).step());
            return {};
        }));
        return static_cast<uint64_t>(revision);
    }

    Result<uint64_t> revision() override {
        std::lock_guard lock(mutex_);
        TRY(is_made());
        return static_cast<uint64_t>(TRY(number("SELECT revision FROM counter")));
    }

    Result<std::vector<Change>> watch(const std::string& prefix, uint64_t after,
                                      std::chrono::milliseconds timeout) override {
        auto end = std::chrono::steady_clock::now() + timeout;
        while (true) {
            std::vector<Change> changes = TRY(changes_after(prefix, static_cast<int64_t>(after)));
            if (!changes.empty() || std::chrono::steady_clock::now() >= end) return changes;
            // Another process may write, so nothing of ours could wake us.
            std::this_thread::sleep_for(kPoll);
        }
    }

    Result<bool> take_lease(const std::string& name, const std::string& holder,
                            std::chrono::seconds duration) override {
        std::lock_guard lock(mutex_);
        int64_t now = unix_time();
        bool is_taken = false;
        TRY(in_transaction([&]() -> Result<> {
            TRY(is_made());
            Statement held =
                query("SELECT 1 FROM leases WHERE name = ? AND holder != ? AND until > ? AND until <= ?");
            held.bind(name).bind(holder).bind(now).bind(now + kLongestLease.count());
            if (TRY(held.step())) return {};
            Statement taken = query("REPLACE INTO leases VALUES (?, ?, ?)");
            int64_t until = now + std::min(duration, kLongestLease).count();
            TRY(taken.bind(name).bind(holder).bind(until).step());
            is_taken = true;
            return {};
        }));
        return is_taken;
    }

    Result<> end_lease(const std::string& name, const std::string& holder) override {
        std::lock_guard lock(mutex_);
        TRY(query("DELETE FROM leases WHERE name = ? AND holder = ?").bind(name).bind(holder).step());
        return {};
    }

  private:
    Result<> make() {
        TRY(run(kSchema));
        TRY(run(text("PRAGMA application_id = ", kApplication).c_str()));
        return run(text("PRAGMA user_version = ", kVersion).c_str());
    }

    Result<> put(const std::string& key, const std::string& value, int64_t revision) {
        TRY(query("REPLACE INTO entries VALUES (?, ?, ?)").bind(key).bind(value).bind(revision).step());
        return {};
    }

    Result<> set_revision(int64_t revision) {
        TRY(query("UPDATE counter SET revision = ?").bind(revision).step());
        return {};
    }

    /// Also looked at while it is open, for a newer program may have it open, too.
    Result<bool> is_made() {
        int64_t version = TRY(number("PRAGMA user_version"));
        if (version > kVersion)
            return permanent_error(file_.native(), ": version ", version,
                                   " of the database is newer than this program; upgrade mangrovectl");
        return version == kVersion;
    }

    static int64_t unix_time() {
        return std::chrono::duration_cast<std::chrono::seconds>(
                   std::chrono::system_clock::now().time_since_epoch())
            .count();
    }

    static Entry entry_of(const Statement& statement) {
        return {.key = statement.text_at(0),
                .value = statement.text_at(1),
                .revision = static_cast<uint64_t>(statement.number_at(2))};
    }

    Statement query(const char* sql) { return Statement(handle_.get(), file_, sql); }

    Result<int64_t> number(const char* sql) {
        Statement statement = query(sql);
        return TRY(statement.step()) ? statement.number_at(0) : 0;
    }

    Result<> run(const char* sql) {
        int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
        if (code != SQLITE_OK) return sqlite_error(handle_.get(), code, file_);
        return {};
    }

    template <typename Work>
    Result<> in_transaction(const Work& work) {
        TRY(run("BEGIN IMMEDIATE"));
        Result<> done = work();
        if (done) done = run("COMMIT");
        // It fails where SQLite has rolled back by itself, as it does when the disk is full.
        if (!done) sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
        return done;
    }

    Result<> apply(const Write& write, int64_t revision) {
        Statement read = query("SELECT revision FROM entries WHERE key = ?");
        int64_t found = TRY(read.bind(write.key).step()) ? read.number_at(0) : 0;
        TRY(check_expected(write, static_cast<uint64_t>(found)));
        if (write.value)
            TRY(put(write.key, *write.value, revision));
        else
            TRY(query("DELETE FROM entries WHERE key = ?").bind(write.key).step());
        TRY(query("REPLACE INTO changes VALUES (?, ?, ?)")
                .bind(revision)
                .bind(write.key)
                .bind(write.value)
                .step());
        return {};
    }

    Result<std::vector<Change>> changes_after(const std::string& prefix, int64_t after) {
        std::lock_guard lock(mutex_);
        int64_t now = TRY(number("SELECT revision FROM counter"));
        if (after < now - kKeptRevisions) {
            Error error{.what =
                            text(file_.native(), ": changes after revision ", after, " are no longer kept"),
                        .code = ENODATA};
            return std::unexpected(std::move(error));
        }
        std::vector<Change> changes;
        Statement statement =
            query("SELECT key, value, revision FROM changes WHERE revision > ? ORDER BY revision, key");
        statement.bind(after);
        while (TRY(statement.step()))
            if (std::string key = statement.text_at(0); key.starts_with(prefix))
                changes.push_back({std::move(key), statement.text_or_null_at(1),
                                   static_cast<uint64_t>(statement.number_at(2))});
        return changes;
    }

    fs::path file_;
    Handle handle_;
    UniqueFd use_;     ///< nobody replaces the file as long as it is open
    std::mutex mutex_; ///< a transaction belongs to the handle
};

/// For the group: root's, or that of mangrove-head where the directory is that group's (setgid).
constexpr mode_t kShared = 0660;
constexpr mode_t kPrivate = 0600;

Result<UniqueFd> make_file(const fs::path& file, mode_t mode) {
    UniqueFd descriptor(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kPrivate));
    if (!descriptor.is_open() || ::fchmod(descriptor.get(), mode) != 0)
        return system_error(errno, file.native());
    return descriptor;
}

/// Opens a file, or makes it.
Result<UniqueFd> open_shared_file(const fs::path& file) {
    Result<UniqueFd> made = make_file(file, kShared);
    if (made || made.error().code != EEXIST) return made;
    UniqueFd descriptor(::open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!descriptor.is_open()) return system_error(errno, file.native());
    return descriptor;
}

/// Makes an empty database. SQLite alone opens one that exists: to close another descriptor of it would end
/// the locks that connections of this process have (fcntl(2)), and somebody else could remove their log.
Result<> make_database(const fs::path& file) {
    Result<UniqueFd> made = make_file(file, kShared);
    if (!made && made.error().code != EEXIST) return std::unexpected(made.error());
    return {};
}

/// Locks the file beside the database that says whether somebody has it open.
Result<UniqueFd> lock_use(const fs::path& file, int operation) {
    fs::path lock = file.native() + ".lock";
    UniqueFd descriptor = TRY(open_shared_file(lock));
    while (::flock(descriptor.get(), operation) != 0) {
        if (errno == EWOULDBLOCK)
            return transient_error(file.native(),
                                   ": in use by another mangrovectl or by mangrove-head; end it first");
        if (errno != EINTR) return system_error(errno, lock.native());
    }
    return descriptor;
}

Result<Handle> open_handle(const fs::path& file, int flags) {
    sqlite3* raw = nullptr;
    int code =
        sqlite3_open_v2(file.c_str(), &raw, flags | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_FULLMUTEX, nullptr);
    Handle handle(raw, sqlite3_close_v2);
    if (code != SQLITE_OK) return sqlite_error(raw, code, file);
    sqlite3_busy_timeout(raw, kBusyTimeout);
    return handle;
}

Result<> check_copy(const fs::path& copy) {
    Handle handle = TRY(open_handle(copy, SQLITE_OPEN_READONLY));
    auto pragma = [&](const char* sql) -> Result<std::string> {
        Statement statement(handle.get(), copy, sql);
        return TRY(statement.step()) ? statement.text_at(0) : "";
    };
    if (TRY(pragma("PRAGMA application_id")) != text(kApplication))
        return permanent_error(copy.native(), ": not a backup of mangrovectl's database");
    if (std::string version = TRY(pragma("PRAGMA user_version")); version != text(kVersion))
        return permanent_error(
            copy.native(), ": version ", version,
            " of the database is not that of this program; restore it with the mangrovectl that "
            "wrote it");
    if (std::string problem = TRY(pragma("PRAGMA integrity_check")); problem != "ok")
        return permanent_error(copy.native(), ": damaged: ", problem, "; use another backup");
    return {};
}

/// Makes a file that only its owner may read; it is removed where `fill` fails.
template <typename Fill>
Result<> write_copy(const fs::path& copy, const Fill& fill) {
    if (fs::exists(copy)) return permanent_error(copy.native(), ": already exists; name another file");
    TRY(make_file(copy, kPrivate));
    Result<> written = fill();
    std::error_code ignored;
    if (!written) fs::remove(copy, ignored);
    TRY(std::move(written), "writing the backup ", copy.native());
    return write_to_disk(copy);
}

/// Writes the log of the old database into it, so that a restore that does not come to its end loses nothing.
void write_back_log(const fs::path& file) {
    Result<Handle> handle = open_handle(file, SQLITE_OPEN_READWRITE);
    if (handle)
        sqlite3_wal_checkpoint_v2(handle->get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
}

} // namespace

Result<std::unique_ptr<Database>> open_sqlite_database(const fs::path& file) {
    UniqueFd use = TRY(lock_use(file, LOCK_SH), "opening the database of nodes");
    static std::mutex making;
    std::unique_lock lock(making);
    TRY(make_database(file), "opening the database of nodes");
    lock.unlock();
    Handle handle = TRY(open_handle(file, SQLITE_OPEN_READWRITE));
    auto database = std::make_unique<SqliteDatabase>(file, std::move(handle), std::move(use));
    TRY(database->prepare(), "opening the database of nodes");
    return database;
}

Result<> back_up_sqlite_database(const fs::path& file, const fs::path& copy) {
    if (!fs::exists(file)) return permanent_error(file.native(), ": not found; there are no nodes yet");
    UniqueFd use = TRY(lock_use(file, LOCK_SH));
    return write_copy(copy, [&]() -> Result<> {
        Handle handle = TRY(open_handle(file, SQLITE_OPEN_READONLY));
        TRY(Statement(handle.get(), file, "VACUUM INTO ?").bind(copy.native()).step());
        return {};
    });
}

Result<> write_backup(const Snapshot& snapshot, const fs::path& copy) {
    return write_copy(copy, [&]() -> Result<> {
        Handle handle = TRY(open_handle(copy, SQLITE_OPEN_READWRITE));
        return SqliteDatabase(copy, std::move(handle), {}).write(snapshot);
    });
}

Result<Snapshot> read_backup(const fs::path& copy) {
    TRY(check_copy(copy));
    SqliteDatabase database(copy, TRY(open_handle(copy, SQLITE_OPEN_READONLY)), {});
    return Snapshot{.entries = TRY(database.list("")), .revision = TRY(database.revision())};
}

Result<> restore_sqlite_database(const fs::path& copy, const fs::path& file) {
    TRY(check_copy(copy));
    UniqueFd use = TRY(lock_use(file, LOCK_EX | LOCK_NB));
    write_back_log(file);
    // SQLite would apply to the new file what the log of the old one holds.
    for (const char* suffix : {"-wal", "-shm"}) {
        std::error_code problem;
        fs::remove(file.native() + suffix, problem);
        if (problem) return system_error(problem.value(), file.native(), suffix);
    }
    TRY(clone_file(copy, file));
    if (::chmod(file.c_str(), kShared) != 0) return system_error(errno, file.native());
    return {};
}

} // namespace mangrove::head
