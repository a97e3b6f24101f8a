#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "base/unique_fd.h"
#include "system/fake/neighbour.h"
#include "system/linux/downloads.h"

namespace mangrove {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

/// A socket on the loopback's address, and its port.
struct LocalSocket {
    explicit LocalSocket(int type) : socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
        ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
        port = ntohs(address.sin_port);
    }
    UniqueFd socket;
    uint16_t port = 0;
};

UniqueFd bound_socket(uint16_t port) {
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << port;
    return socket;
}

/// The server's behaviour after the answer: it closes, or sends more, as fast as it is read or slowly.
enum class Then { close, go_on, dribble };

/// Answers each connection with one text, whatever is asked, and closes it.
class WebServer {
  public:
    explicit WebServer(std::string answer, Then then = Then::close)
        : answer_(std::move(answer)), then_(then), port(socket_.port) {
        EXPECT_EQ(::listen(socket_.socket.get(), 8), 0);
        thread_ = std::thread([this] { serve(); });
    }
    ~WebServer() {
        ::shutdown(socket_.socket.get(), SHUT_RDWR);
        thread_.join();
    }
    WebServer(const WebServer&) = delete;
    WebServer& operator=(const WebServer&) = delete;

  private:
    void serve() {
        for (;;) {
            sockaddr_in from = {};
            socklen_t from_size = sizeof from;
            UniqueFd connection(
                ::accept(socket_.socket.get(), reinterpret_cast<sockaddr*>(&from), &from_size));
            if (!connection.is_open()) return;
            source_port = ntohs(from.sin_port);
            char request[4096];
            ssize_t size = ::recv(connection.get(), request, sizeof request, 0);
            if (size <= 0) continue;
            asked.assign(request, static_cast<size_t>(size));
            ::send(connection.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
            std::string more(then_ == Then::go_on ? 65536 : 10, 'x');
            while (then_ != Then::close
                   && ::send(connection.get(), more.data(), more.size(), MSG_NOSIGNAL) > 0)
                if (then_ == Then::dribble) std::this_thread::sleep_for(milliseconds(100));
        }
    }
    std::string answer_;
    Then then_;
    LocalSocket socket_{SOCK_STREAM};
    std::thread thread_;

  public:
    const uint16_t port;
    std::string asked; ///< the last request; to be read when it is answered
    uint16_t source_port = 0;
};

struct Outcome {
    Result<DownloadAnswer> answer;
    std::string body;
};

Outcome download(DownloadRequest request) {
    LinuxDownloads downloads;
    Outcome outcome;
    outcome.answer = downloads.download(request, [&](ByteView piece) -> Result<> {
        outcome.body.append(piece.begin(), piece.end());
        return {};
    });
    return outcome;
}

/// By a name that only the request knows the address of.
Outcome download_from(const std::string& answer) {
    WebServer server(answer);
    return download({.url = text("http://head.example:", server.port, "/a"),
                     .host = "head.example",
                     .port = server.port,
                     .addresses = {*IpAddress::parse("127.0.0.1")}});
}

TEST(LinuxDownloads, PassesTheBodyOn) {
    Outcome outcome = download_from("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    ASSERT_TRUE(outcome.answer) << describe(outcome.answer.error());
    EXPECT_EQ(outcome.answer->status, 200u);
    EXPECT_EQ(outcome.body, "hello");
}

TEST(LinuxDownloads, TriesTheNextAddress) {
    WebServer server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    Outcome outcome =
        download({.url = text("http://head.example:", server.port, "/a"),
                  .host = "head.example",
                  .port = server.port,
                  .addresses = {*IpAddress::parse("127.0.0.2"), *IpAddress::parse("127.0.0.1")}});
    ASSERT_TRUE(outcome.answer) << describe(outcome.answer.error());
    EXPECT_EQ(outcome.body, "hello");
}

TEST(LinuxDownloads, KeepsTheBodyOfAnErrorToItself) {
    Outcome told = download_from("HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\n"
                                 "Content-Length: 12\r\n\r\nnot\tyou\nmore");
    ASSERT_TRUE(told.answer);
    EXPECT_EQ(told.answer->reason, "not?you");
    EXPECT_EQ(told.body, "");
    Outcome outcome = download_from("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello");
    EXPECT_EQ(outcome.answer->reason, "") << "it may be HTML";
    ASSERT_TRUE(outcome.answer) << describe(outcome.answer.error());
    EXPECT_EQ(outcome.answer->status, 404u);
    EXPECT_EQ(outcome.body, "");
}

TEST(LinuxDownloads, PostsJson) {
    WebServer server("HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello");
    Outcome outcome = download(
        {.url = text("http://me:key@127.0.0.1:", server.port, "/a"), .json = R"({"name":"debian"})"});
    ASSERT_TRUE(outcome.answer) << describe(outcome.answer.error());
    EXPECT_EQ(outcome.answer->status, 201u);
    EXPECT_THAT(server.asked, StartsWith("POST /a HTTP/1.1\r\n"));
    EXPECT_THAT(server.asked, HasSubstr("\r\nAuthorization: Basic "));
    EXPECT_THAT(server.asked, HasSubstr("\r\nContent-Type: application/json\r\n"));
    EXPECT_THAT(server.asked, EndsWith("\r\n\r\n{\"name\":\"debian\"}"));
}

TEST(LinuxDownloads, ComesFromAPortOfRoot) {
    if (::geteuid() != 0) GTEST_SKIP() << "a reserved port takes root";
    WebServer server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    for (int times = 0; times < 3; ++times) {
        Outcome outcome = download({.url = text("http://127.0.0.1:", server.port, "/a")});
        ASSERT_TRUE(outcome.answer) << describe(outcome.answer.error());
        EXPECT_GE(server.source_port, 600);
        EXPECT_LT(server.source_port, 1024);
    }
}

TEST(LinuxDownloads, ComesFromAnyPortWhereAllOfRootsAreTaken) {
    if (!enter_network_namespace()) GTEST_SKIP() << "a network namespace takes root";
    ASSERT_TRUE(run_command("ip link set lo up"));
    std::vector<UniqueFd> taken;
    for (uint16_t port = 600; port < 1024; ++port)
        taken.push_back(bound_socket(port));
    WebServer server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    Outcome outcome = download({.url = text("http://127.0.0.1:", server.port, "/a")});
    ASSERT_TRUE(outcome.answer) << describe(outcome.answer.error());
    EXPECT_GE(server.source_port, 1024);
    taken.erase(taken.begin() + 7);
    ASSERT_TRUE(download({.url = text("http://127.0.0.1:", server.port, "/a")}).answer);
    EXPECT_EQ(server.source_port, 607) << "the only one that is free";
}

TEST(LinuxDownloads, TellsOfRedirectsAndWaits) {
    Outcome moved = download_from("HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(moved.answer);
    EXPECT_EQ(moved.answer->status, 302u);
    EXPECT_THAT(moved.answer->redirect, testing::MatchesRegex("http://head.example:[0-9]+/b"));
    Outcome busy = download_from("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 3\r\n\r\nno!");
    ASSERT_TRUE(busy.answer);
    EXPECT_EQ(busy.answer->status, 503u);
    EXPECT_EQ(busy.answer->retry_after, seconds(7));
}

TEST(LinuxDownloads, KnowsWhatTheRestCanBeAskedBy) {
    const std::string begin = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n";
    Outcome cut = download_from(begin + "ETag: \"v1\"\r\nLast-Modified: today\r\n\r\nhello");
    ASSERT_TRUE(cut.answer) << describe(cut.answer.error());
    EXPECT_EQ(cut.body, "hello");
    EXPECT_EQ(cut.answer->version, "\"v1\"");
    ASSERT_TRUE(cut.answer->broken_off);
    EXPECT_EQ(cut.answer->broken_off->what, "the server closed the connection after 5 of 9 bytes");
    Outcome dated = download_from(begin + "Last-Modified: today\r\n\r\nhello");
    ASSERT_TRUE(dated.answer);
    EXPECT_EQ(dated.answer->version, "today");
    EXPECT_FALSE(download_from(begin + "ETag: W/\"v1\"\r\nLast-Modified: today\r\n\r\nhello").answer);
    EXPECT_FALSE(download_from(begin + "ETag: \"v1\"\r\n\r\n").answer) << "nothing came";
}

TEST(LinuxDownloads, AsksForAnotherVersionThanTheOneItHas) {
    WebServer server("HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\n\r\n");
    const std::string url = text("http://127.0.0.1:", server.port, "/a");
    Outcome same = download({.url = url, .version = "\"v1\""});
    ASSERT_TRUE(same.answer) << describe(same.answer.error());
    EXPECT_EQ(same.answer->status, 304u);
    EXPECT_EQ(same.answer->version, "\"v1\"");
    EXPECT_THAT(server.asked, HasSubstr("\r\nIf-None-Match: \"v1\"\r\n"));
    EXPECT_TRUE(download({.url = url, .version = "Mon, 30 Nov 2026 04:00:00 GMT"}).answer);
    EXPECT_THAT(server.asked, HasSubstr("\r\nIf-Modified-Since: Mon, 30 Nov 2026 04:00:00 GMT\r\n"));
    EXPECT_TRUE(download({.url = url}).answer);
    EXPECT_EQ(server.asked.find("\r\nIf-"), std::string::npos) << server.asked;
}

/// Asks for all but the first five bytes.
Outcome rest_from(const std::string& answer, std::string& asked) {
    WebServer server(answer);
    Outcome outcome =
        download({.url = text("http://127.0.0.1:", server.port, "/a"), .offset = 5, .version = "\"v1\""});
    asked = server.asked;
    return outcome;
}

TEST(LinuxDownloads, FetchesTheRest) {
    std::string asked;
    const std::string part = "HTTP/1.1 206 Partial Content\r\nContent-Length: 4\r\n";
    Outcome rest = rest_from(part + "Content-Range: bytes 5-8/9\r\n\r\n, he", asked);
    ASSERT_TRUE(rest.answer) << describe(rest.answer.error());
    EXPECT_FALSE(rest.answer->broken_off);
    EXPECT_EQ(rest.answer->status, 206u);
    EXPECT_EQ(rest.body, ", he");
    EXPECT_THAT(asked, HasSubstr("\r\nRange: bytes=5-\r\n"));
    EXPECT_THAT(asked, HasSubstr("\r\nIf-Range: \"v1\"\r\n"));
    EXPECT_TRUE(rest.answer->is_rest);
    const std::string others[] = {
        part + "Content-Range: bytes 4-7/9\r\n\r\no, h",
        part + "Content-Range: bytes 5-8/10\r\n\r\n, he",
        part + "Content-Range: bytes 5-8\r\n\r\n, he",
        part + "ETag: \"v2\"\r\nContent-Range: bytes 5-8/9\r\n\r\n, he",
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 0\r\nContent-Range: bytes 5-8/9\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnew!",
    };
    for (const std::string& answer : others) {
        Outcome other = rest_from(answer, asked);
        ASSERT_TRUE(other.answer) << answer;
        EXPECT_FALSE(other.answer->is_rest) << answer;
        EXPECT_EQ(other.body, "") << answer;
    }
}

TEST(LinuxDownloads, SaysWhatWentWrong) {
    struct Row {
        std::string answer, what;
        bool is_transient;
    };
    const Row rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
         "the server closed the connection after 5 of 9 bytes", true},
        {"", "the server closed the connection without an answer", true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nrubbish\r\n", "receiving the answer: ", true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n",
         "receiving the answer: ", true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
         "the server closed the connection after 5 bytes, before the end of the file", true},
        {"SSH-2.0-OpenSSH_9.2\r\n", "libcurl's error 1: Received HTTP/0.9 when not allowed", false},
    };
    for (const Row& row : rows) {
        Outcome outcome = download_from(row.answer);
        ASSERT_FALSE(outcome.answer) << row.what;
        EXPECT_THAT(outcome.answer.error().what, HasSubstr(row.what));
        EXPECT_EQ(outcome.answer.error().is_transient(), row.is_transient) << row.what;
    }
}

TEST(LinuxDownloads, AServerThatIsAwayMayComeBack) {
    uint16_t port = WebServer("").port;
    Outcome outcome = download({.url = text("http://127.0.0.1:", port, "/a"), .host = {}});
    ASSERT_FALSE(outcome.answer);
    EXPECT_EQ(outcome.answer.error().what, "connecting: Connection refused");
    EXPECT_TRUE(outcome.answer.error().is_transient());
}

TEST(LinuxDownloads, GivesUpAtTheTimeLimit) {
    UniqueFd silent(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::listen(silent.get(), 8), 0);
    sockaddr_in address = {};
    socklen_t size = sizeof address;
    ::getsockname(silent.get(), reinterpret_cast<sockaddr*>(&address), &size);
    Outcome outcome = download({.url = text("http://127.0.0.1:", ntohs(address.sin_port), "/a"),
                                .host = {},
                                .time_limit = milliseconds(200)});
    ASSERT_FALSE(outcome.answer);
    EXPECT_EQ(outcome.answer.error().what, "timed out after 1 s");
    EXPECT_TRUE(outcome.answer.error().is_transient());
}

TEST(LinuxDownloads, ABodyWithoutEndEndsWithTheTimeLimit) {
    WebServer server("HTTP/1.1 200 OK\r\n\r\n", Then::go_on);
    Outcome outcome = download(
        {.url = text("http://127.0.0.1:", server.port, "/a"), .host = {}, .time_limit = milliseconds(100)});
    ASSERT_FALSE(outcome.answer);
    EXPECT_EQ(outcome.answer.error().what, "timed out after 1 s");
}

TEST(LinuxDownloads, AServerThatSendsNextToNothingIsGivenUp) {
    WebServer server("HTTP/1.1 200 OK\r\n\r\n", Then::dribble);
    Outcome outcome = download({.url = text("http://127.0.0.1:", server.port, "/a"), .patience = seconds(2)});
    ASSERT_FALSE(outcome.answer);
    EXPECT_THAT(outcome.answer.error().what,
                StartsWith("the server sent less than 1024 bytes a second for 2 s, after "));
    EXPECT_TRUE(outcome.answer.error().is_transient());
}

TEST(LinuxDownloads, ABodyWithoutEndEndsWhereNoMoreIsTaken) {
    WebServer server("HTTP/1.1 200 OK\r\n\r\n", Then::go_on);
    LinuxDownloads downloads;
    size_t taken = 0;
    Result<DownloadAnswer> answer = downloads.download(
        {.url = text("http://127.0.0.1:", server.port, "/a"), .host = {}}, [&](ByteView piece) -> Result<> {
            taken += piece.size();
            if (taken > 1 << 20) return permanent_error("it is too long");
            return {};
        });
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().what, "it is too long");
    EXPECT_LT(taken, 2u << 20);
}

TEST(LinuxDownloads, ATftpServerThatStopsIsGivenUp) {
    LocalSocket local(SOCK_DGRAM);
    // The first block of a file, and never another one.
    std::thread server([&] {
        char request[512];
        sockaddr_in from = {};
        socklen_t size = sizeof from;
        if (::recvfrom(local.socket.get(), request, sizeof request, 0, reinterpret_cast<sockaddr*>(&from),
                       &size)
            <= 0)
            return;
        std::string block = std::string("\0\3\0\1", 4) + std::string(512, 'x');
        ::sendto(local.socket.get(), block.data(), block.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    });
    Outcome outcome =
        download({.url = text("tftp://127.0.0.1:", local.port, "/a"), .host = {}, .time_limit = seconds(5)});
    server.join();
    ASSERT_FALSE(outcome.answer);
    EXPECT_EQ(outcome.answer.error().what, "timed out after 5 s");
    EXPECT_TRUE(outcome.answer.error().is_transient());
    EXPECT_EQ(outcome.body, std::string(512, 'x'));
}

TEST(LinuxDownloads, ReadsFiles) {
    std::string path = SOURCE_DIRECTORY;
    for (size_t at = 0; (at = path.find(' ', at)) != std::string::npos;)
        path.replace(at, 1, "%20");
    Outcome outcome = download({.url = "file:" + path + "/LICENSE", .host = {}});
    ASSERT_TRUE(outcome.answer) << describe(outcome.answer.error());
    EXPECT_THAT(outcome.body, HasSubstr("Apache License"));
    Outcome missing = download({.url = "file:/no/such/file", .host = {}});
    ASSERT_FALSE(missing.answer);
    EXPECT_EQ(missing.answer.error().what, "file not found");
}

TEST(LinuxDownloads, EndsWithTheErrorOfTheSink) {
    WebServer server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    LinuxDownloads downloads;
    Result<DownloadAnswer> answer =
        downloads.download({.url = text("http://127.0.0.1:", server.port, "/a"), .host = {}},
                           [](ByteView) -> Result<> { return permanent_error("the disk is full"); });
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().what, "the disk is full");
}

} // namespace
} // namespace mangrove
