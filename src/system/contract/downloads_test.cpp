#include <algorithm>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>

#include "base/unique_fd.h"
#include "system/fake/downloads.h"
#include "system/linux/downloads.h"

// The contract of `Downloads`: the same tests on the fake and on a server that speaks HTTP.
namespace mangrove {

class FakeDownloadsWorld {
  public:
    Downloads& downloads() { return downloads_; }
    DownloadRequest request() { return {.url = "http://127.0.0.1/a"}; }
    void serve(const FakeDownloads::Answer& answer) { downloads_.serve(request().url, answer); }

  private:
    Transcript transcript_;
    FakeDownloads downloads_{transcript_};
};

/// Answers each connection with the next answer, the last one again and again.
class LinuxDownloadsWorld {
  public:
    LinuxDownloadsWorld() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in at = {};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
        EXPECT_EQ(::listen(listener_.get(), 8), 0);
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&at), &size);
        port_ = ntohs(at.sin_port);
    }
    ~LinuxDownloadsWorld() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        if (server_.joinable()) server_.join();
    }
    LinuxDownloadsWorld(const LinuxDownloadsWorld&) = delete;
    LinuxDownloadsWorld& operator=(const LinuxDownloadsWorld&) = delete;

    Downloads& downloads() {
        if (!server_.joinable()) server_ = std::thread([this] { run(); });
        return downloads_;
    }
    DownloadRequest request() { return {.url = text("http://127.0.0.1:", port_, "/a")}; }
    void serve(const FakeDownloads::Answer& answer) { answers_.push_back(http(answer)); }

  private:
    static std::string http(const FakeDownloads::Answer& answer) {
        size_t size = answer.body.size();
        std::string range =
            answer.head.status == 206 ? text("Content-Range: bytes 5-", 4 + size, "/", 5 + size, "\r\n") : "";
        std::string redirect =
            answer.head.redirect.empty() ? "" : text("Location: ", answer.head.redirect, "\r\n");
        std::string version = answer.head.version.empty() ? "" : text("ETag: ", answer.head.version, "\r\n");
        return text("HTTP/1.1 ", answer.head.status, " Status\r\nConnection: close\r\nContent-Length: ", size,
                    "\r\n", range, redirect, version, "\r\n", answer.body);
    }
    void run() {
        for (size_t next = 0;; ++next) {
            UniqueFd connection(::accept(listener_.get(), nullptr, nullptr));
            if (!connection.is_open()) return;
            char request[4096];
            if (::recv(connection.get(), request, sizeof request, 0) <= 0) continue;
            const std::string& answer = answers_[std::min(next, answers_.size() - 1)];
            ::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
        }
    }

    LinuxDownloads downloads_;
    UniqueFd listener_;
    uint16_t port_ = 0;
    std::vector<std::string> answers_;
    std::thread server_;
};

template <typename World>
class DownloadsContract : public testing::Test {
  protected:
    Result<DownloadAnswer> download(DownloadRequest request) {
        body_.clear();
        return world_.downloads().download(request, [&](ByteView piece) -> Result<> {
            body_.append(piece.begin(), piece.end());
            return {};
        });
    }

    World world_;
    std::string body_;
};

using DownloadsWorlds = testing::Types<FakeDownloadsWorld, LinuxDownloadsWorld>;
TYPED_TEST_SUITE(DownloadsContract, DownloadsWorlds);

TYPED_TEST(DownloadsContract, the_body_of_a_success_goes_to_the_sink) {
    this->world_.serve({.head = {.version = "\"v1\""}, .body = "hello"});
    Result<DownloadAnswer> answer = this->download(this->world_.request());
    ASSERT_TRUE(answer) << describe(answer.error());
    EXPECT_EQ(answer->status, 200u);
    EXPECT_EQ(answer->version, "\"v1\"");
    EXPECT_FALSE(answer->is_rest);
    EXPECT_EQ(this->body_, "hello");
}

TYPED_TEST(DownloadsContract, the_body_of_a_refusal_does_not) {
    this->world_.serve({.head = {.status = 404}, .body = "not here"});
    Result<DownloadAnswer> answer = this->download(this->world_.request());
    ASSERT_TRUE(answer) << describe(answer.error());
    EXPECT_EQ(answer->status, 404u);
    EXPECT_EQ(this->body_, "");
}

TYPED_TEST(DownloadsContract, a_redirect_is_left_to_the_caller) {
    this->world_.serve({.head = {.status = 302, .redirect = "http://127.0.0.2/b"}});
    Result<DownloadAnswer> answer = this->download(this->world_.request());
    ASSERT_TRUE(answer) << describe(answer.error());
    EXPECT_EQ(answer->status, 302u);
    EXPECT_EQ(answer->redirect, "http://127.0.0.2/b");
}

TYPED_TEST(DownloadsContract, a_rest_is_marked_as_one) {
    this->world_.serve({.head = {.status = 206, .version = "\"v1\""}, .body = " world"});
    DownloadRequest request = this->world_.request();
    request.offset = 5;
    request.version = "\"v1\"";
    Result<DownloadAnswer> answer = this->download(request);
    ASSERT_TRUE(answer) << describe(answer.error());
    EXPECT_TRUE(answer->is_rest);
    EXPECT_EQ(this->body_, " world");
}

TYPED_TEST(DownloadsContract, nothing_comes_of_the_version_that_is_known) {
    this->world_.serve({.head = {.status = 304, .version = "\"v1\""}});
    DownloadRequest request = this->world_.request();
    request.version = "\"v1\"";
    Result<DownloadAnswer> answer = this->download(request);
    ASSERT_TRUE(answer) << describe(answer.error());
    EXPECT_EQ(answer->status, 304u);
    EXPECT_EQ(this->body_, "");
}

TYPED_TEST(DownloadsContract, an_error_of_the_sink_is_the_error) {
    this->world_.serve({.body = "hello"});
    Result<DownloadAnswer> answer =
        this->world_.downloads().download(this->world_.request(), [](ByteView) -> Result<> {
            return system_error(ENOSPC, "writing the copy");
        });
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ENOSPC) << describe(answer.error());
    EXPECT_TRUE(answer.error().what.starts_with("writing the copy")) << describe(answer.error());
}

TYPED_TEST(DownloadsContract, each_request_is_one_and_gets_the_next_answer) {
    this->world_.serve({.head = {.status = 503}});
    this->world_.serve({.body = "hello"});
    EXPECT_EQ(this->download(this->world_.request())->status, 503u);
    EXPECT_EQ(this->download(this->world_.request())->status, 200u);
    EXPECT_EQ(this->download(this->world_.request())->status, 200u);
}

} // namespace mangrove
