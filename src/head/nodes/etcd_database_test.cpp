/// The failures of etcd, and its keys; database_test holds the rest of every kind.

#include <arpa/inet.h>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <gtest/gtest.h>
#include <poll.h>
#include <set>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "head/nodes/backup.h"
#include "head/nodes/etcd_client.h"
#include "head/nodes/etcd_layout.h"
#include "head/nodes/testing/etcd_server.h"

namespace mangrove::head {
namespace {

using namespace std::chrono_literals;

class EtcdDatabaseTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!EtcdServer::is_installed()) GTEST_SKIP() << "needs etcd-server";
        url_ = server().url(prefix_);
        database_ = open(url_);
    }

    static EtcdServer& server() { return EtcdServer::shared(); }

    static std::unique_ptr<Database> open(const std::string& url) {
        Result<std::unique_ptr<Database>> database = open_etcd_database(url);
        EXPECT_TRUE(database) << describe(database.error());
        return database ? std::move(*database) : nullptr;
    }

    static Json call(const std::string& path, const Json& request) {
        Result<Json> answer = EtcdClient({"http://" + server().endpoint()}).call(path, request);
        EXPECT_TRUE(answer) << describe(answer.error());
        return answer ? std::move(*answer) : nullptr;
    }

    static Json apply(const std::vector<Operation>& operations) {
        EtcdTransaction transaction;
        for (const Operation& operation : operations)
            transaction.add(operation);
        return call("/v3/kv/txn", transaction.json());
    }

    static size_t count(const KeyRange& range) {
        return range_answer(call("/v3/kv/range", range_request(range, 0, 0)).get()).found.size();
    }

    Stage stage_ = make_test_directory();
    std::string prefix_ = stage_.path.filename().native();
    EtcdKeys keys_{prefix_ + "/"};
    std::filesystem::path copy_ = stage_.path / "copy.db";
    std::string url_;
    std::unique_ptr<Database> database_;
};

TEST_F(EtcdDatabaseTest, SharesAnEtcdWithOtherPrefixes) {
    std::unique_ptr<Database> other = open(url_ + "-2");
    ASSERT_EQ(database_->commit({{"a", "1"}}), 1u);
    ASSERT_EQ(database_->commit({{"a", "2"}}), 2u);
    EXPECT_EQ(other->commit({{"b", "3", 0}}), 1u);
    EXPECT_EQ(other->list(""), (std::vector<Entry>{{"b", "3", 1}}));
    EXPECT_EQ(database_->list(""), (std::vector<Entry>{{"a", "2", 2}}));
}

TEST_F(EtcdDatabaseTest, RefusesWhatANewerVersionWrote) {
    ASSERT_TRUE(database_->commit({{"a", "1"}}));
    apply({put(keys_.version, "9")});
    std::string refusal =
        url_ + ": version 9 of the database is newer than this program; upgrade mangrovectl";
    Result<std::unique_ptr<Database>> newer = open_etcd_database(url_);
    ASSERT_FALSE(newer);
    EXPECT_EQ(newer.error().what, refusal);
    EXPECT_EQ(database_->commit({{"a", "2"}}).error().what, refusal) << "upgraded while it was open";
}

TEST_F(EtcdDatabaseTest, NamesTheServersThatAreAway) {
    std::string first = text("127.0.0.1:", free_port());
    std::string second = text("127.0.0.1:", free_port());
    Result<std::unique_ptr<Database>> away = open_etcd_database("etcd://" + first + "," + second + "/x");
    ASSERT_FALSE(away);
    EXPECT_TRUE(away.error().is_transient());
    EXPECT_EQ(away.error().what, "etcd at http://" + first + ": " + errno_text(ECONNREFUSED) + ", http://"
                                     + second + ": " + errno_text(ECONNREFUSED));
}

TEST_F(EtcdDatabaseTest, TakesTheSecondServerWhereTheFirstIsAway) {
    std::unique_ptr<Database> database =
        open(text("etcd://127.0.0.1:", free_port(), ",", server().endpoint(), "/", prefix_));
    EXPECT_EQ(database->commit({{"a", "1"}}), 1u);
    std::jthread writer([&] { EXPECT_TRUE(database_->commit({{"b", "2"}})); });
    EXPECT_EQ(database->watch("b", 1, 10s), (std::vector<Change>{{"b", "2", 2}}));
}

TEST_F(EtcdDatabaseTest, NamesWhatIsNotEtcd) {
    EtcdServer without({"--enable-grpc-gateway=false"});
    std::string url = "etcd://" + without.endpoint();
    Result<std::unique_ptr<Database>> none = open_etcd_database(url);
    ASSERT_FALSE(none);
    EXPECT_FALSE(none.error().is_transient());
    EXPECT_EQ(none.error().what, "http://" + without.endpoint()
                                     + ": no JSON gateway below /v3; start etcd 3.4 or later, with "
                                       "--enable-grpc-gateway=true");
}

TEST_F(EtcdDatabaseTest, NamesTheOptionOfALimitThatWasLowered) {
    EtcdServer small({"--max-txn-ops=10", "--max-request-bytes=1000"});
    std::unique_ptr<Database> database = open(small.url("x"));
    EXPECT_EQ(
        database->commit({{"a", std::string(2000, 'x')}}).error().what,
        "http://" + small.endpoint()
            + ": etcdserver: request is too large; start etcd with --max-request-bytes=1572864 or more");
    std::vector<Write> writes;
    for (int i = 0; i < 10; ++i)
        writes.push_back({text("a", i), ""});
    EXPECT_EQ(
        database->commit(writes).error().what,
        "http://" + small.endpoint()
            + ": etcdserver: too many operations in txn request; start etcd with --max-txn-ops=128 or more");
    EXPECT_EQ(database->revision(), 0u);
}

TEST_F(EtcdDatabaseTest, KeepsChangesWhenEtcdIsCompacted) {
    for (const char* value : {"1", "2", "3"})
        ASSERT_TRUE(database_->commit({{"a", value}}));
    Json latest = call("/v3/kv/range", range_request({keys_.counter, {}}, 0, 0));
    Json compaction = make_json_object();
    add_long_number(compaction.get(), "revision", etcd_revision(latest));
    call("/v3/kv/compaction", compaction);
    EXPECT_EQ(database_->watch("", 1, 0ms), (std::vector<Change>{{"a", "2", 2}, {"a", "3", 3}}));
    EXPECT_EQ(database_->list(""), (std::vector<Entry>{{"a", "3", 3}}));
    std::jthread writer([&] { EXPECT_TRUE(database_->commit({{"a", "4"}})); });
    EXPECT_EQ(database_->watch("", 3, 10s), (std::vector<Change>{{"a", "4", 4}}));
}

TEST_F(EtcdDatabaseTest, SaysWhichChangesAreNoLongerKept) {
    ASSERT_TRUE(database_->commit({{"a", "1"}}));
    apply({put(keys_.counter, "5000"),
           put(keys_.stage_piece(EtcdKeys::stage(1, "of a writer that died"), 0), "x")});
    ASSERT_EQ(database_->commit({{"a", "2"}}), 5001u);
    Result<std::vector<Change>> late = database_->watch("", 0, 0ms);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ENODATA);
    EXPECT_EQ(late.error().what, url_ + ": changes after revision 0 are no longer kept");
    EXPECT_EQ(database_->watch("", 5000, 0ms), (std::vector<Change>{{"a", "2", 5001}}));
    EXPECT_EQ(count(keys_below(keys_.logs_prefix)), 1u);
    EXPECT_EQ(count(keys_below(keys_.stages)), 0u);
}

TEST_F(EtcdDatabaseTest, FinishesWhatItsWriterLeft) {
    ASSERT_EQ(database_->commit({{"a", "1"}, {"gone", "1"}}), 1u);
    std::string stage = EtcdKeys::stage(1, "id");
    std::string changes = encode_changes({{"a", "2"}, {"b", "2"}, {"gone", std::nullopt}});
    apply({put(keys_.stage_piece(stage, 0), changes.substr(0, 5)),
           put(keys_.stage_piece(stage, 1), changes.substr(5))});
    EXPECT_EQ(database_->list(""), (std::vector<Entry>{{"a", "1", 1}, {"gone", "1", 1}})) << "not committed";
    apply(
        {put(keys_.counter, "2"), put(keys_.log(2), "id " + stage + "\n"), put(keys_.pending, "2 " + stage)});
    EXPECT_EQ(database_->commit({{"b", "3", 0}}).error().code, ESTALE);
    EXPECT_EQ(database_->list(""), (std::vector<Entry>{{"a", "2", 2}, {"b", "2", 2}}));
    EXPECT_EQ(database_->watch("", 1, 0ms),
              (std::vector<Change>{{"a", "2", 2}, {"b", "2", 2}, {"gone", std::nullopt, 2}}));
    EXPECT_EQ(count({keys_.pending, {}}), 0u);
    EXPECT_EQ(database_->commit({{"b", "3", 2}}), 3u);
}

TEST_F(EtcdDatabaseTest, CommitsALargeTransactionWhileOthersWrite) {
    ASSERT_EQ(database_->commit({{"a", "1"}}), 1u);
    std::jthread others([this](const std::stop_token& end) {
        std::unique_ptr<Database> own = open(url_);
        while (!end.stop_requested())
            EXPECT_TRUE(own->commit({{"a", "2"}}));
    });
    uint64_t read = (*database_->get("a"))->revision;
    EXPECT_EQ(database_->commit({{"large", std::string(4'000'000, 'x')}, {"a", "3", read}}).error().code,
              ESTALE);
    EXPECT_TRUE(database_->commit({{"large", std::string(4'000'000, 'x')}})) << "others do not hold it up";
    others = {};
    EXPECT_EQ((*database_->get("large"))->value.size(), 4'000'000u);
}

/// Passes one connection after the other on to etcd, and closes it in the place of the answer to the first
/// write.
class Forgetful {
  public:
    explicit Forgetful(const std::string& to) : to_(*parse_number(to.substr(to.find(':') + 1))) {
        sockaddr_in address = loopback(static_cast<uint64_t>(port_));
        int yes = 1;
        ::setsockopt(listening_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        EXPECT_EQ(::bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(listening_.get(), 8), 0);
        thread_ = std::jthread([this](const std::stop_token& end) { serve(end); });
    }

    std::string endpoint() const { return text("127.0.0.1:", port_); }
    bool has_forgotten() const { return has_forgotten_; }

  private:
    static sockaddr_in loopback(uint64_t port) {
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return address;
    }

    static UniqueFd new_socket() { return UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

    static bool is_readable(int fd) {
        pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
        return ::poll(&wanted, 1, 10) > 0;
    }

    void serve(const std::stop_token& end) {
        while (!end.stop_requested()) {
            if (!is_readable(listening_.get())) continue;
            UniqueFd client(::accept(listening_.get(), nullptr, nullptr));
            UniqueFd server = new_socket();
            sockaddr_in address = loopback(to_);
            if (::connect(server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
                pass_on(end, client.get(), server.get());
        }
    }

    void pass_on(const std::stop_token& end, int client, int server) {
        char bytes[65536];
        std::string request;
        while (!end.stop_requested()) {
            for (int from : {client, server}) {
                if (!is_readable(from)) continue;
                ssize_t size = ::read(from, bytes, sizeof bytes);
                if (size <= 0) return;
                if (from == client)
                    request.append(bytes, static_cast<size_t>(size));
                else if (request.contains("request_put") && !has_forgotten_.exchange(true))
                    return;
                int to = from == client ? server : client;
                if (::write(to, bytes, static_cast<size_t>(size)) != size) return;
            }
        }
    }

    uint64_t to_;
    int port_ = free_port();
    UniqueFd listening_ = new_socket();
    std::atomic<bool> has_forgotten_ = false;
    std::jthread thread_;
};

TEST_F(EtcdDatabaseTest, CommitsOnceWhereTheAnswerIsLost) {
    Forgetful forgetful(server().endpoint());
    std::unique_ptr<Database> database =
        open(text("etcd://", forgetful.endpoint(), ",", server().endpoint(), "/", prefix_));
    Result<uint64_t> written = database->commit({{"a", "1", 0}});
    EXPECT_TRUE(forgetful.has_forgotten());
    ASSERT_TRUE(written) << describe(written.error());
    EXPECT_EQ(written, 1u);
    EXPECT_EQ(database->revision(), 1u);
}

TEST_F(EtcdDatabaseTest, LosesNothingAcknowledgedWhenEtcdIsKilled) {
    constexpr int kKills = 4;
    std::vector<std::string> acknowledged;
    std::atomic<size_t> done = 0;
    std::jthread writer([&](const std::stop_token& end) {
        for (int i = 0; !end.stop_requested(); ++i) {
            std::string key = text("key", i);
            Result<uint64_t> written = database_->commit({{key, std::string(2000, 'x')}, {"last", key}});
            if (written) {
                acknowledged.push_back(key);
                ++done;
            } else {
                EXPECT_TRUE(written.error().is_transient()) << describe(written.error());
                EXPECT_TRUE(written.error().what.contains(server().endpoint())) << written.error().what;
                std::this_thread::sleep_for(20ms);
            }
        }
    });
    for (int kill = 0; kill < kKills; ++kill) {
        for (size_t before = done; done < before + 10;)
            std::this_thread::sleep_for(1ms);
        server().kill();
        std::this_thread::sleep_for(50ms);
        server().restart();
    }
    writer.request_stop();
    writer.join();
    std::set<std::string> kept;
    std::vector<Entry> entries = *database_->list("key");
    for (const Entry& entry : entries)
        kept.insert(entry.key);
    EXPECT_GE(acknowledged.size(), 10u * kKills);
    for (const std::string& key : acknowledged)
        EXPECT_TRUE(kept.contains(key)) << key << " was acknowledged and is lost";
    EXPECT_LE(kept.size(), acknowledged.size() + kKills) << "one may be on its way when etcd is killed";
    EXPECT_EQ(database_->watch("", 0, 0ms)->size(), 2 * *database_->revision());
}

TEST_F(EtcdDatabaseTest, IsRestoredFromABackup) {
    ASSERT_TRUE(database_->commit({{"a", "1"}, {"b", "1"}}));
    ASSERT_TRUE(database_->commit({{"b", std::string(2'000'000, 'x')}}));
    ASSERT_TRUE(back_up_etcd_database(url_, copy_));
    EXPECT_EQ(std::filesystem::status(copy_).permissions(), std::filesystem::perms(0600));
    EXPECT_FALSE(back_up_etcd_database(url_, copy_)) << "a backup is not overwritten";
    ASSERT_TRUE(database_->commit({{"a", std::nullopt}, {"c", "3"}}));
    Result<> restored = restore_etcd_database(copy_, url_);
    ASSERT_TRUE(restored) << describe(restored.error());
    EXPECT_EQ(database_->list(""),
              (std::vector<Entry>{{"a", "1", 4}, {"b", std::string(2'000'000, 'x'), 4}}));
    EXPECT_EQ(database_->watch("c", 3, 0ms), (std::vector<Change>{{"c", std::nullopt, 4}}))
        << "others hear of it";
}

TEST_F(EtcdDatabaseTest, IsExchangedWithSqlite) {
    std::string file = (stage_.path / "nodes.db").native();
    std::vector<Entry> all = {{"a", "1", 1}, {"b", "2", 2}};
    ASSERT_TRUE(database_->commit({{"a", "1"}}));
    ASSERT_TRUE(database_->commit({{"b", "2"}}));
    ASSERT_TRUE(back_up_database(url_, copy_));
    Result<> restored = restore_database(copy_, file);
    ASSERT_TRUE(restored) << describe(restored.error());
    {
        std::unique_ptr<Database> sqlite = std::move(*open_database(file));
        EXPECT_EQ(sqlite->list(""), all);
        EXPECT_EQ(sqlite->commit({{"b", "3", 2}}), 3u);
    }
    ASSERT_TRUE(back_up_database(file, stage_.path / "back.db"));
    restored = restore_database(stage_.path / "back.db", url_);
    ASSERT_TRUE(restored) << describe(restored.error());
    EXPECT_EQ(database_->list(""), (std::vector<Entry>{{"a", "1", 3}, {"b", "3", 3}}));
}

TEST_F(EtcdDatabaseTest, KeepsTheOldDataWhereARestoreFails) {
    ASSERT_TRUE(database_->commit({{"a", "1"}}));
    std::ofstream(copy_)
        << "not a database, and long enough to be read as one. not a database, not a database.";
    EXPECT_FALSE(restore_etcd_database(copy_, url_));
    EXPECT_EQ(database_->list(""), (std::vector<Entry>{{"a", "1", 1}}));
    EXPECT_FALSE(restore_etcd_database(stage_.path / "missing.db", url_));
}

TEST_F(EtcdDatabaseTest, IsOldOrNewWhereARestoreIsKilled) {
    constexpr size_t kEntries = 500;
    constexpr int kRounds = 10;
    Snapshot wanted{.entries = {}, .revision = 1};
    for (size_t i = 0; i < kEntries; ++i)
        wanted.entries.push_back({text("new/", i), std::string(4000, 'n'), 1});
    ASSERT_TRUE(write_backup(wanted, copy_));
    int restored = 0;
    for (int round = 0; round < kRounds; ++round) {
        auto begin = std::chrono::steady_clock::now();
        ASSERT_TRUE(restore_etcd_database(copy_, url_));
        auto duration = std::chrono::steady_clock::now() - begin;
        std::vector<Write> old;
        for (size_t i = 0; i < kEntries; ++i) {
            old.push_back({text("new/", i), std::nullopt});
            old.push_back({text("old/", i), "o"});
        }
        ASSERT_TRUE(database_->commit(old));
        pid_t child = ::fork();
        if (child == 0) ::_exit(restore_etcd_database(copy_, url_) ? 0 : 1);
        std::this_thread::sleep_for(duration * round / (kRounds - 1));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        std::vector<Entry> found = *database_->list("");
        ASSERT_EQ(found.size(), kEntries);
        bool is_new = found[0].key.starts_with("new/");
        restored += is_new ? 1 : 0;
        for (const Entry& entry : found)
            ASSERT_EQ(entry.key.starts_with("new/"), is_new) << entry.key;
    }
    std::printf("%d of %d restores were committed when they were killed\n", restored, kRounds);
}

TEST(EtcdUrl, NamesEndpointsAndAPrefix) {
    EtcdLocation location = parse_etcd_url("etcd://head1:2379,[fd00::2]:23,head3/site/a/").value();
    EXPECT_EQ(location.endpoints,
              (std::vector<std::string>{"http://head1:2379", "http://[fd00::2]:23", "http://head3:2379"}));
    EXPECT_EQ(location.prefix, "site/a/");
    location = parse_etcd_url("etcds://head1").value();
    EXPECT_EQ(location.endpoints, std::vector<std::string>{"https://head1:2379"});
    EXPECT_EQ(location.prefix, "mangrove/");
    EXPECT_EQ(parse_etcd_url("etcd://head1:0/a").error().what,
              "etcd://head1:0/a: 'head1:0' is not HOST:PORT; expected etcd://HOST:PORT[,HOST:PORT…]/PREFIX");
    EXPECT_FALSE(parse_etcd_url("etcd:///a"));
    EXPECT_FALSE(parse_etcd_url("etcd://head1,/a"));
    EXPECT_EQ(
        parse_etcd_url("etcd://head1/a b").error().what,
        "etcd://head1/a b: prefix 'a b' has other characters than letters, digits, '.', '_', '-' and '/'");
    EXPECT_FALSE(is_etcd_url("/etcd:/x"));
}

TEST(EtcdLayout, ReadsBackTheChangesThatItWrites) {
    std::vector<Change> changes = {
        {"a", std::string("1\n2 \0 -", 7), 7}, {"b", std::nullopt, 7}, {"c", "", 7}};
    std::string encoded = encode_changes(changes);
    EXPECT_EQ(decode_changes(encoded, 7), changes);
    EXPECT_EQ(decode_changes("", 7), std::vector<Change>());
    for (const char* damaged : {"1", "1 1\n", "1 1\na", "x 1\na1", "1 x\na1", "18446744073709551615 1\na"})
        EXPECT_EQ(decode_changes(damaged, 7), std::nullopt) << damaged;
}

} // namespace
} // namespace mangrove::head
