#include <arpa/inet.h>
#include <atomic>
#include <cstdlib>
#include <curl/curl.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>

#include "base/unique_fd.h"
#include "system/linux/downloads.h"

namespace mangrove {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// Answers each request on a connection with the next of some texts; the connection stays open.
class WebServer {
  public:
    explicit WebServer(std::vector<std::string> answers)
        : answers_(std::move(answers)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
        port = ntohs(address.sin_port);
        EXPECT_EQ(::listen(listener_.get(), 8), 0);
        thread_ = std::thread([this] { serve(); });
    }
    ~WebServer() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
    }
    WebServer(const WebServer&) = delete;
    WebServer& operator=(const WebServer&) = delete;

    uint16_t port = 0;
    std::atomic<int> connections = 0;
    std::string asked; ///< to be read when all is answered

  private:
    void serve() {
        size_t next = 0;
        for (;;) {
            UniqueFd connection(::accept(listener_.get(), nullptr, nullptr));
            if (!connection.is_open()) return;
            ++connections;
            char request[4096];
            for (ssize_t size = 0;
                 next < answers_.size() && (size = ::recv(connection.get(), request, sizeof request, 0)) > 0;
                 ++next) {
                asked.append(request, static_cast<size_t>(size));
                ::send(connection.get(), answers_[next].data(), answers_[next].size(), MSG_NOSIGNAL);
            }
        }
    }
    std::vector<std::string> answers_;
    UniqueFd listener_;
    std::thread thread_;
};

std::string part(const std::string& range, const std::string& body) {
    return text("HTTP/1.1 206 Partial Content\r\nETag: \"one\"\r\nContent-Range: ", range,
                "\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
}

struct LinuxRanges : testing::Test {
    Ranges::End ask(RangeRequest request, bool wants_body = true) {
        body.clear();
        EXPECT_TRUE(ranges->start(7, request, [&](const RangeHead&, ByteView piece) {
            body.append(piece.begin(), piece.end());
            return wants_body;
        }));
        std::vector<Ranges::End> ends;
        Deadline deadline = Clock::now() + seconds(20);
        while (ends.empty() && Clock::now() < deadline)
            ranges->wait(nullptr, nullptr, deadline, ends);
        EXPECT_EQ(ends.size(), 1U);
        return ends.empty() ? Ranges::End() : ends.front();
    }
    static RangeRequest request(const WebServer& server) {
        return {.url = text("http://head.example:", server.port, "/a"),
                .host = "head.example",
                .port = server.port,
                .addresses = {*IpAddress::parse("127.0.0.1")},
                .offset = 4,
                .length = 4};
    }

    LinuxDownloads downloads;
    std::unique_ptr<Ranges> ranges = downloads.open_ranges();
    std::string body;
};

TEST_F(LinuxRanges, AsksForPartsOverOneConnection) {
    WebServer server({part("bytes 4-7/20", "abcd"), part("bytes 8-11/20", "efgh")});
    RangeRequest wanted = request(server);
    wanted.version = "\"one\"";
    wanted.token = "secret";
    Ranges::End end = ask(wanted);
    EXPECT_FALSE(end.error) << end.error->what;
    EXPECT_EQ(end.number, 7U);
    EXPECT_EQ(end.head.status, 206U);
    EXPECT_EQ(end.head.content_range, "bytes 4-7/20");
    EXPECT_EQ(end.head.etag, "\"one\"");
    EXPECT_EQ(body, "abcd");
    wanted.offset = 8;
    wanted.token.clear();
    wanted.username = "node";
    wanted.password = "pass";
    ask(wanted);
    EXPECT_EQ(body, "efgh");
    EXPECT_EQ(server.connections, 1);
    for (const char* field :
         {"GET /a HTTP/1.1", "Range: bytes=4-7", "Range: bytes=8-11", "If-Range: \"one\"",
          "Authorization: Bearer secret", "Authorization: Basic bm9kZTpwYXNz", "Accept-Encoding: identity"})
        EXPECT_THAT(server.asked, HasSubstr(field));
}

TEST_F(LinuxRanges, SignsRequestsToS3) {
    WebServer server({part("bytes 4-7/20", "abcd")});
    RangeRequest wanted = request(server);
    wanted.version = "\"one\"";
    wanted.username = "KEY";
    wanted.password = "secret";
    wanted.region = "eu-1";
    EXPECT_FALSE(ask(wanted).error);
    EXPECT_THAT(server.asked, testing::ContainsRegex("Authorization: AWS4-HMAC-SHA256 Credential=KEY/[0-9]+/"
                                                     "eu-1/s3/aws4_request"));
    EXPECT_THAT(server.asked, testing::Not(HasSubstr("secret")));
    std::string headers = server.asked.substr(server.asked.find("SignedHeaders="));
    headers = headers.substr(0, headers.find(", Signature="));
    EXPECT_THAT(headers, HasSubstr("if-range"));
    EXPECT_THAT(headers, testing::Not(HasSubstr("encoding"))) << "a proxy may change it";
}

TEST_F(LinuxRanges, TellsWhyS3Refuses) {
    auto answer = [](std::string_view body) {
        return text("HTTP/1.1 403 Forbidden\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
    };
    WebServer server({answer("<?xml version=\"1.0\"?><Error><Code>RequestTimeTooSkewed</Code></Error>"),
                      answer("<Code>a\x1b[2Jb</Code>"), answer("<Code>"), answer("no")});
    EXPECT_EQ(ask(request(server), false).head.refusal, "RequestTimeTooSkewed");
    for (int other = 0; other < 3; ++other)
        EXPECT_EQ(ask(request(server), false).head.refusal, "");
}

TEST_F(LinuxRanges, EndsARequestWhoseBodyNobodyWants) {
    WebServer server({text("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", std::string(1000, 'x'))});
    Ranges::End end = ask(request(server), false);
    EXPECT_FALSE(end.error);
    EXPECT_EQ(end.head.status, 200U);
}

TEST_F(LinuxRanges, TellsOfRedirectsAndOfServersThatWantToBeLeftAlone) {
    WebServer server({"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
                      "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"});
    EXPECT_EQ(ask(request(server)).head.redirect, text("http://head.example:", server.port, "/b"));
    Ranges::End end = ask(request(server));
    EXPECT_EQ(end.head.status, 503U);
    EXPECT_EQ(end.head.retry_after, seconds(7));
}

TEST_F(LinuxRanges, TellsOfAServerThatIsAway) {
    uint16_t port = WebServer({}).port;
    Ranges::End end = ask({.url = text("http://127.0.0.1:", port, "/a"), .offset = 0, .length = 4});
    ASSERT_TRUE(end.error);
    EXPECT_EQ(end.error->what, "connecting: Connection refused");
    EXPECT_TRUE(end.error->is_transient());
}

TEST_F(LinuxRanges, IsWokenByTheKernel) {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    UniqueFd ours(ends[0]), kernels(ends[1]);
    std::vector<Ranges::End> none;
    EXPECT_FALSE(ranges->wait(&ours, nullptr, Clock::now() + milliseconds(10), none));
    ASSERT_EQ(::send(kernels.get(), "x", 1, 0), 1);
    EXPECT_TRUE(ranges->wait(&ours, nullptr, Clock::now() + seconds(20), none));
}

/// nginx, with TLS and HTTP/2.
struct Nginx {
    Nginx() {
        std::string template_path = "/tmp/mangrove-nginx-XXXXXX";
        directory = ::mkdtemp(template_path.data());
        run("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key -out certificate -subj "
            "/CN=head.example "
            "-addext subjectAltName=DNS:head.example 2>log");
        std::ofstream(directory + "/root") << "0123456789abcdef";
        std::ofstream(directory + "/nginx.conf")
            << "daemon off; master_process off; pid pid; error_log log; events {} http { log_format version "
               "'$server_protocol'; access_log "
               "asked version;"
               " client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; "
               "scgi_temp_path t5;"
               " server { listen 127.0.0.1:"
            << port << " ssl http2; ssl_certificate certificate; ssl_certificate_key key; root .; } }";
        process = ::popen(("exec nginx -p " + directory + " -c nginx.conf -e log").c_str(), "r");
        run("while ! test -s pid; do sleep 0.02; done");
    }
    ~Nginx() {
        run("kill $(cat pid)");
        ::pclose(process);
        run("rm -r $PWD");
    }
    Nginx(const Nginx&) = delete;
    Nginx& operator=(const Nginx&) = delete;

    void run(const std::string& command) {
        EXPECT_EQ(std::system(("cd " + directory + "; " + command).c_str()), 0);
    }
    std::string text_of(const char* file) {
        std::ifstream stream(directory + "/" + file);
        return {std::istreambuf_iterator(stream), {}};
    }

    uint16_t port = WebServer({}).port;
    std::string directory;
    FILE* process = nullptr;
};

TEST_F(LinuxRanges, SpeaksHttp2WhereLibcurlDoes) {
    if (std::system("nginx -v 2>/dev/null") != 0) GTEST_SKIP() << "no nginx";
    Nginx server;
    RangeRequest wanted = {.url = text("https://head.example:", server.port, "/root"),
                           .host = "head.example",
                           .port = server.port,
                           .addresses = {*IpAddress::parse("127.0.0.1")},
                           .authorities = server.text_of("certificate"),
                           .offset = 4,
                           .length = 4};
    Ranges::End end = ask(wanted);
    EXPECT_FALSE(end.error) << end.error->what;
    EXPECT_EQ(body, "4567");
    EXPECT_EQ(end.head.content_range, "bytes 4-7/16");
    EXPECT_FALSE(end.head.etag.empty());
    bool speaks_http2 = (::curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_HTTP2) != 0;
    EXPECT_THAT(server.text_of("asked"), StartsWith(speaks_http2 ? "HTTP/2.0" : "HTTP/1.1"));
}

} // namespace
} // namespace mangrove
