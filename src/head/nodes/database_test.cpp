/// One suite for every kind of database.

#include "head/nodes/database.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "head/host/testing/full_tree.h"
#include "head/nodes/testing/etcd_server.h"

namespace mangrove::head {
namespace {

using namespace std::chrono_literals;

using Open = std::function<Result<std::unique_ptr<Database>>(const std::filesystem::path& directory)>;

struct Kind {
    const char* name;
    Open open;
    bool needs_etcd = false;
};

class DatabaseTest : public testing::TestWithParam<Kind> {
  protected:
    void SetUp() override {
        if (GetParam().needs_etcd && !EtcdServer::is_installed()) GTEST_SKIP() << "needs etcd-server";
        database_ = open();
        ASSERT_TRUE(database_);
    }

    std::unique_ptr<Database> open() {
        Result<std::unique_ptr<Database>> database = GetParam().open(stage_.path);
        EXPECT_TRUE(database) << describe(database.error());
        return database ? std::move(*database) : nullptr;
    }

    Stage stage_ = make_test_directory();
    std::unique_ptr<Database> database_;
};

/// The directory's name is a prefix that no other test has.
std::string url_of(const std::filesystem::path& directory) {
    return EtcdServer::shared().url(directory.filename().native());
}

INSTANTIATE_TEST_SUITE_P(
    All, DatabaseTest,
    testing::Values(
        Kind{"sqlite", [](const auto& directory) { return open_sqlite_database(directory / "nodes.db"); }},
        Kind{"etcd", [](const auto& directory) { return open_etcd_database(url_of(directory)); }, true}),
    [](const auto& tested) { return tested.param.name; });

TEST_P(DatabaseTest, KeepsWhatWasCommitted) {
    EXPECT_EQ(database_->revision(), 0u);
    EXPECT_EQ(database_->commit({{"node/n1", R"({"mac":"a"})"}, {"node/n2", "b"}, {"group/g", "c"}}), 1u);
    database_ = nullptr;
    database_ = open();
    EXPECT_EQ(database_->get("node/n1"), (Entry{"node/n1", R"({"mac":"a"})", 1}));
    EXPECT_EQ(database_->list("node/"),
              (std::vector<Entry>{{"node/n1", R"({"mac":"a"})", 1}, {"node/n2", "b", 1}}));
    EXPECT_EQ(database_->get("node/n3"), std::nullopt);
    EXPECT_EQ(database_->commit({{"node/n1", std::nullopt}}), 2u);
    EXPECT_EQ(database_->get("node/n1"), std::nullopt);
}

TEST_P(DatabaseTest, RefusesToOverwriteWhatChanged) {
    ASSERT_EQ(database_->commit({{"n", "1", 0}}), 1u);
    ASSERT_EQ(database_->commit({{"n", "2", 1}}), 2u);
    Result<uint64_t> late = database_->commit({{"other", "x"}, {"n", "3", 1}});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ESTALE);
    EXPECT_EQ(late.error().what, "n: changed meanwhile by somebody else; read it again");
    EXPECT_EQ(database_->get("other"), std::nullopt);
    EXPECT_EQ(database_->commit({{"n", "3", 0}}).error().what, "n: already exists; read it again");
    EXPECT_EQ(database_->commit({{"m", "3", 1}}).error().what, "m: deleted meanwhile; read it again");
    EXPECT_EQ(database_->revision(), 2u);
}

TEST_P(DatabaseTest, TellsWhatChanged) {
    ASSERT_TRUE(database_->commit({{"node/a", "1"}, {"group/a", "1"}}));
    ASSERT_TRUE(database_->commit({{"node/a", std::nullopt}}));
    EXPECT_EQ(database_->watch("node/", 0, 0ms),
              (std::vector<Change>{{"node/a", "1", 1}, {"node/a", std::nullopt, 2}}));
    EXPECT_EQ(database_->watch("node/", 2, 10ms), std::vector<Change>{});
    std::jthread writer([&] { EXPECT_TRUE(database_->commit({{"node/b", "2"}})); });
    EXPECT_EQ(database_->watch("node/", 2, 10s), (std::vector<Change>{{"node/b", "2", 3}}));
}

TEST_P(DatabaseTest, GivesALeaseToOneHolder) {
    EXPECT_EQ(database_->take_lease("controller", "head1", 60s), true);
    EXPECT_EQ(database_->take_lease("controller", "head2", 60s), false);
    EXPECT_EQ(database_->take_lease("controller", "head1", 60s), true);
    EXPECT_TRUE(database_->end_lease("controller", "head2"));
    EXPECT_EQ(database_->take_lease("controller", "head2", 60s), false);
    EXPECT_TRUE(database_->end_lease("controller", "head1"));
    EXPECT_EQ(database_->take_lease("controller", "head2", 0s), true);
    EXPECT_EQ(database_->take_lease("controller", "head1", 60s), true) << "a lease of no length has ended";
}

TEST_P(DatabaseTest, EndsALeaseThatIsNotRenewed) {
    EXPECT_EQ(database_->take_lease("controller", "head1", 1s), true);
    auto end = std::chrono::steady_clock::now() + 20s;
    while (!*database_->take_lease("controller", "head2", 60s)) {
        ASSERT_LT(std::chrono::steady_clock::now(), end);
        std::this_thread::sleep_for(50ms);
    }
    EXPECT_EQ(database_->take_lease("controller", "head1", 60s), false);
}

TEST_P(DatabaseTest, KeepsALeaseThatIsRenewed) {
    auto end = std::chrono::steady_clock::now() + 4s;
    while (std::chrono::steady_clock::now() < end) {
        ASSERT_EQ(database_->take_lease("controller", "head1", 2s), true);
        ASSERT_EQ(database_->take_lease("controller", "head2", 2s), false);
        std::this_thread::sleep_for(300ms);
    }
    EXPECT_EQ(database_->revision(), 0u) << "a lease is no change";
}

TEST_P(DatabaseTest, LetsWritersOfDifferentKeysPass) {
    constexpr int kWriters = 4;
    constexpr int kWrites = 15;
    std::vector<std::jthread> writers;
    for (int i = 0; i < kWriters; ++i)
        writers.emplace_back([this, i] {
            std::unique_ptr<Database> own = open();
            for (int write = 0; write < kWrites; ++write) {
                Result<uint64_t> written = own->commit({{text("key", i, "-", write), "", 0}});
                EXPECT_TRUE(written) << describe(written.error());
            }
        });
    writers.clear();
    EXPECT_EQ(database_->revision(), static_cast<uint64_t>(kWriters * kWrites));
    EXPECT_EQ(database_->list("key")->size(), static_cast<size_t>(kWriters * kWrites));
}

TEST_P(DatabaseTest, WritesALargeTransactionAtOnce) {
    constexpr size_t kNodes = 1000;
    constexpr size_t kLarge = 3'000'000;
    auto node = [](size_t i) { return text("node/", i); };
    auto writes = [&](const std::string& value, uint64_t expected) {
        std::vector<Write> all;
        for (size_t i = 0; i < kNodes; ++i)
            all.push_back({node(i), value, expected});
        all.push_back({"images/1", std::string(kLarge, value[0])});
        return all;
    };
    ASSERT_EQ(database_->commit(writes("a", 0)), 1u);
    std::atomic<bool> is_over = false;
    std::jthread reader([&] {
        std::unique_ptr<Database> own = open();
        for (std::string last = "a"; !is_over;) {
            std::vector<Entry> all = *own->list("node/");
            ASSERT_EQ(all.size(), kNodes);
            for (const Entry& entry : all)
                ASSERT_EQ(entry.value, all[0].value) << entry.key;
            ASSERT_GE(all[0].value, last) << "nothing goes back";
            last = all[0].value;
        }
    });
    EXPECT_EQ(database_->commit(writes("b", 1)), 2u);
    EXPECT_EQ(database_->commit(writes("c", 1)).error().code, ESTALE);
    EXPECT_EQ(database_->commit(writes("c", 2)), 3u);
    is_over = true;
    reader.join();
    EXPECT_EQ((*database_->get(node(7)))->value, "c");
    EXPECT_EQ((*database_->get("images/1"))->value, std::string(kLarge, 'c'));
    std::vector<Change> changes = *database_->watch("", 1, 0ms);
    ASSERT_EQ(changes.size(), 2 * (kNodes + 1));
    EXPECT_EQ(changes[0].value, std::string(kLarge, 'b'));
    EXPECT_EQ(changes.back(), (Change{node(kNodes - 1), "c", 3}));
    EXPECT_EQ(database_->commit({{"images/1", "short"}, {node(7), std::nullopt}}), 4u);
    EXPECT_EQ(database_->get("images/1"), (Entry{"images/1", "short", 4}));
    EXPECT_EQ(database_->list("node/")->size(), kNodes - 1);
}

TEST_P(DatabaseTest, HasOneOrderForSeveralWriters) {
    constexpr int kWriters = 4;
    constexpr int kIncrements = 25;
    ASSERT_TRUE(database_->commit({{"counter", "0"}}));
    {
        std::vector<std::jthread> writers;
        for (int i = 0; i < kWriters; ++i)
            writers.emplace_back([&] {
                std::unique_ptr<Database> own = open();
                for (int done = 0; done < kIncrements;) {
                    std::optional<Entry> entry = *own->get("counter");
                    Result<uint64_t> written =
                        own->commit({{"counter", text(std::stoi(entry->value) + 1), entry->revision}});
                    if (written)
                        ++done;
                    else
                        EXPECT_EQ(written.error().code, ESTALE) << describe(written.error());
                }
            });
    }
    EXPECT_EQ((*database_->get("counter"))->value, text(kWriters * kIncrements));
}

TEST_P(DatabaseTest, LosesNothingAcknowledgedWhenKilled) {
    constexpr int kRounds = 8;
    uint64_t before = 0;
    for (int round = 0; round < kRounds; ++round) {
        int acknowledged[2];
        ASSERT_EQ(::pipe(acknowledged), 0);
        pid_t writer = ::fork();
        if (writer == 0) {
            std::unique_ptr<Database> own = open();
            for (uint64_t i = before + 1;; ++i) {
                if (!own || !own->commit({{text("key", i), std::string(2000, 'x'), 0}, {"last", text(i)}}))
                    ::_exit(1);
                if (::write(acknowledged[1], &i, sizeof i) != sizeof i) ::_exit(1);
            }
        }
        ::close(acknowledged[1]);
        uint64_t last = 0;
        for (int i = 0; i <= round * 3; ++i)
            ASSERT_EQ(::read(acknowledged[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
        ::kill(writer, SIGKILL);
        ::waitpid(writer, nullptr, 0);
        for (uint64_t more = 0;
             ::read(acknowledged[0], &more, sizeof more) == static_cast<ssize_t>(sizeof more);)
            last = more;
        ::close(acknowledged[0]);
        database_ = open();
        ASSERT_TRUE(database_);
        uint64_t kept = std::stoull((*database_->get("last"))->value);
        EXPECT_GE(kept, last);
        EXPECT_LE(kept, last + 1) << "at most one was on its way";
        EXPECT_EQ(database_->list("key")->size(), kept) << "a transaction is whole";
        before = kept;
    }
}

class SqliteDatabaseTest : public testing::Test {
  protected:
    std::unique_ptr<Database> open() { return *open_sqlite_database(file_); }

    Stage stage_ = make_test_directory();
    std::filesystem::path file_ = stage_.path / "nodes.db";
    std::filesystem::path copy_ = stage_.path / "copy.db";
};

TEST_F(SqliteDatabaseTest, IsRestoredFromABackupTakenWhileInUse) {
    std::unique_ptr<Database> database = open();
    ASSERT_TRUE(database->commit({{"a", "1"}}));
    ASSERT_TRUE(back_up_sqlite_database(file_, copy_));
    EXPECT_FALSE(back_up_sqlite_database(file_, copy_)) << "a backup is not overwritten";
    ASSERT_TRUE(database->commit({{"a", "2"}}));
    Result<> refused = restore_sqlite_database(copy_, file_);
    ASSERT_FALSE(refused) << "it is open";
    EXPECT_EQ(refused.error().what,
              file_.native() + ": in use by another mangrovectl or by mangrove-head; end it first");
    EXPECT_EQ(std::filesystem::status(copy_).permissions(), std::filesystem::perms(0600));
    database = nullptr;
    Result<> restored = restore_sqlite_database(copy_, file_);
    ASSERT_TRUE(restored) << describe(restored.error());
    database = open();
    EXPECT_EQ((*database->get("a"))->value, "1");
    EXPECT_EQ(database->revision(), 1u);
}

TEST_F(SqliteDatabaseTest, IsNotRestoredFromSomethingElse) {
    ASSERT_TRUE(open()->commit({{"a", "1"}}));
    std::ofstream(copy_)
        << "not a database, and long enough to be read as one. not a database, not a database.";
    EXPECT_FALSE(restore_sqlite_database(copy_, file_));
    shell(stage_.path, "/usr/bin/python3 -c 'import sqlite3; sqlite3.connect(\"other.db\").execute(\"CREATE "
                       "TABLE t (x)\")'");
    EXPECT_FALSE(restore_sqlite_database(stage_.path / "other.db", file_));
    EXPECT_EQ((*open()->get("a"))->value, "1");
}

TEST_F(SqliteDatabaseTest, OtherProcessesLeaveTheLogOfAProcessThatOpenedItTwice) {
    std::unique_ptr<Database> first = open();
    ASSERT_TRUE(first->commit({{"node/n1", "{}"}}));
    std::unique_ptr<Database> second = open();
    std::string reader = text("python3 -c 'import sqlite3; one = sqlite3.connect(\"", file_.native(),
                              "\"); one.execute(\"select * from entries\").fetchall(); one.close()'");
    ASSERT_EQ(std::system(reader.c_str()), 0);
    EXPECT_TRUE(std::filesystem::exists(file_.native() + "-wal"));
    ASSERT_TRUE(first->commit({{"node/n2", "{}"}}));
    EXPECT_EQ(open()->list("node/")->size(), 2U);
}

TEST_F(SqliteDatabaseTest, RefusesWhatANewerVersionWrote) {
    ASSERT_TRUE(open()->commit({{"a", "1"}}));
    shell(stage_.path, "/usr/bin/python3 -c 'import sqlite3; sqlite3.connect(\"nodes.db\").execute(\"PRAGMA "
                       "user_version = 9\")'");
    Result<std::unique_ptr<Database>> newer = open_sqlite_database(file_);
    ASSERT_FALSE(newer);
    EXPECT_EQ(newer.error().what, file_.native()
                                      + ": version 9 of the database is newer than this program; upgrade "
                                        "mangrovectl");
}

TEST_F(SqliteDatabaseTest, WritesNothingOnceANewerVersionHas) {
    std::unique_ptr<Database> database = open();
    ASSERT_TRUE(database->commit({{"a", "1"}}));
    auto set_version = [&](int version) {
        shell(stage_.path, text("/usr/bin/python3 -c 'import sqlite3; "
                                "sqlite3.connect(\"nodes.db\").execute(\"PRAGMA user_version = ",
                                version, "\")'"));
    };
    set_version(9);
    std::string problem =
        file_.native() + ": version 9 of the database is newer than this program; upgrade mangrovectl";
    EXPECT_EQ(database->commit({{"a", "2"}}).error().what, problem);
    EXPECT_EQ(database->take_lease("controller", "head1", 60s).error().what, problem);
    EXPECT_EQ(database->revision().error().what, problem);
    set_version(1);
    EXPECT_EQ(database->commit({{"a", "2"}}), 2u);
}

TEST_F(SqliteDatabaseTest, GivesALeaseOutAgainThatWasTakenInAnotherYear) {
    std::unique_ptr<Database> database = open();
    ASSERT_EQ(database->take_lease("controller", "head1", 60s), true);
    shell(stage_.path, "/usr/bin/python3 -c 'import sqlite3; other = sqlite3.connect(\"nodes.db\"); "
                       "other.execute(\"UPDATE leases SET until = until + 100000000\"); other.commit()'");
    EXPECT_EQ(database->take_lease("controller", "head2", 60s), true) << "the clock went back";
}

TEST_F(SqliteDatabaseTest, IsRestoredWhereItIsDamaged) {
    ASSERT_TRUE(open()->commit({{"a", "1"}}));
    ASSERT_TRUE(back_up_sqlite_database(file_, copy_));
    std::ofstream(file_) << std::string(4096, 'x');
    Result<> restored = restore_sqlite_database(copy_, file_);
    ASSERT_TRUE(restored) << describe(restored.error());
    EXPECT_EQ((*open()->get("a"))->value, "1");
    shell(stage_.path, "/usr/bin/python3 -c 'import sqlite3; sqlite3.connect(\"copy.db\").execute(\"PRAGMA "
                       "user_version = 9\")'");
    EXPECT_EQ(restore_sqlite_database(copy_, file_).error().what,
              copy_.native()
                  + ": version 9 of the database is not that of this program; restore it with the "
                    "mangrovectl that wrote it");
}

TEST_F(SqliteDatabaseTest, SaysWhatToDoWithADamagedFile) {
    std::ofstream(file_) << std::string(4096, 'x');
    Result<std::unique_ptr<Database>> damaged = open_sqlite_database(file_);
    ASSERT_FALSE(damaged);
    EXPECT_EQ(damaged.error().what,
              file_.native() + ": file is not a database; restore it with mangrovectl restore-backup");
}

} // namespace
} // namespace mangrove::head
