#include "head/publish/reach.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <thread>

#include "base/unique_fd.h"

namespace mangrove::head {

namespace {

using std::chrono::seconds;
using testing::HasSubstr;

/// Takes one connection, reads what comes first, and answers.
class OneAnswer {
  public:
    explicit OneAnswer(Bytes answer) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(socket_.get(), 1), 0);
        ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
        port = ntohs(address.sin_port);
        thread_ = std::thread([this, said = std::move(answer)] {
            UniqueFd client(::accept(socket_.get(), nullptr, nullptr));
            char asked[4096];
            heard.assign(asked, static_cast<size_t>(
                                    std::max<ssize_t>(::recv(client.get(), asked, sizeof asked, 0), 0)));
            EXPECT_EQ(::send(client.get(), said.data(), said.size(), MSG_NOSIGNAL),
                      static_cast<ssize_t>(said.size()));
        });
    }
    ~OneAnswer() { thread_.join(); }
    std::string url() const { return text("http://127.0.0.1:", port, "/image"); }
    uint16_t port = 0;
    std::string heard;

  private:
    UniqueFd socket_;
    std::thread thread_;
};

Bytes bytes(std::string_view words) {
    return Bytes(words.begin(), words.end());
}

std::string said(const Result<>& result) {
    return result ? "reached" : result.error().what;
}

TEST(Reach, a_url_is_asked_for_its_head) {
    std::string url;
    {
        OneAnswer server(bytes("HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n"));
        EXPECT_EQ(said(reach_url(server.url(), 4096, seconds(5))), "reached");
        url = server.url();
    }
    EXPECT_THAT(said(reach_url(url, 4096, seconds(5))), HasSubstr(url + ": "));
    EXPECT_EQ(reach_url(url, 4096, seconds(5)).error().code, ECONNREFUSED);
    OneAnswer other(bytes("HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n"));
    EXPECT_THAT(said(reach_url(other.url(), 4096, seconds(5))), HasSubstr("has 17 bytes, not 4096"));
    OneAnswer missing(bytes("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
    EXPECT_THAT(said(reach_url(missing.url(), 4096, seconds(5))), HasSubstr("answers with status 404"));
}

TEST(Reach, a_url_is_asked_for_a_part) {
    constexpr const char* kPart = "HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n";
    auto reach = [](const std::string& answer) {
        OneAnswer server(bytes(answer));
        definition::Http http;
        http.urls = {server.url()};
        return said(reach_parts_of_url(http, 4096, seconds(5)));
    };
    EXPECT_EQ(reach(text(kPart, "Content-Range: bytes 0-0/4096\r\n\r\nx")), "reached");
    EXPECT_THAT(reach(text(kPart, "Content-Range: bytes 0-0/17\r\n\r\nx")),
                HasSubstr("has 17 bytes, not 4096"));
    EXPECT_THAT(reach(text(kPart, "\r\nx")), HasSubstr("does not say which part"));
    EXPECT_THAT(reach("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfile"), HasSubstr("(range requests)"));
    EXPECT_THAT(reach("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
                HasSubstr("answers with status 404"));
}

TEST(Reach, a_request_to_s3_is_signed) {
    std::string heard;
    {
        OneAnswer server(bytes("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
        definition::Http http;
        http.urls = {server.url()};
        http.username = "KEY";
        http.password = "secret";
        http.region = "eu-1";
        EXPECT_THAT(said(reach_parts_of_url(http, 4096, seconds(5))), HasSubstr("answers with status 403"));
        heard = server.heard;
    }
    EXPECT_THAT(heard, HasSubstr("Credential=KEY/"));
    EXPECT_THAT(heard,
                HasSubstr("/eu-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date"));
    EXPECT_THAT(heard, testing::Not(HasSubstr("secret")));
}

TEST(Reach, only_http_is_asked) {
    EXPECT_THAT(said(reach_url("file:///etc/passwd", 0, seconds(5))), testing::Not("reached"));
}

definition::Iscsi target_at(uint16_t port) {
    definition::Iscsi iscsi;
    iscsi.target = "iqn.2003-01.org.example:a";
    iscsi.host = "127.0.0.1";
    iscsi.port = port;
    return iscsi;
}

TEST(Reach, a_port_that_nothing_listens_at) {
    uint16_t port = 0;
    {
        OneAnswer server(bytes("something else\n"));
        port = server.port;
        EXPECT_THAT(
            said(reach_nbd({.host = "127.0.0.1", .port = port, .export_name = "image"}, 0, seconds(1))),
            testing::Not("reached"));
    }
    EXPECT_EQ(said(reach_nbd({.host = "127.0.0.1", .port = port, .export_name = "image"}, 0, seconds(1))),
              text("nothing listens at 127.0.0.1:", port));
    definition::Iscsi iscsi = target_at(port);
    EXPECT_EQ(said(reach_iscsi(iscsi, "iqn.2003-01.org.example:b", seconds(5))),
              text("nothing listens at 127.0.0.1:", port));
    EXPECT_EQ(reach_iscsi(iscsi, "iqn.2003-01.org.example:b", seconds(5)).error().code, ECONNREFUSED);
}

/// The target sends any bytes: none of them is more than an error.
TEST(Reach, a_target_that_is_none) {
    for (Bytes answer : {bytes("SSH-2.0-OpenSSH_9.2p1\r\n"), Bytes(48, 0xff), Bytes(64, 0)}) {
        OneAnswer server(answer);
        definition::Iscsi iscsi = target_at(server.port);
        EXPECT_THAT(said(reach_iscsi(iscsi, "iqn.2003-01.org.example:b", seconds(5))),
                    testing::Not("reached"));
    }
}

Bytes rpc_reply(std::initializer_list<uint32_t> numbers) {
    Bytes reply;
    auto add = [&](uint32_t number) {
        for (int shift = 24; shift >= 0; shift -= 8)
            reply.push_back(static_cast<uint8_t>(number >> shift));
    };
    add(0x80000000U | static_cast<uint32_t>(numbers.size() * 4));
    for (uint32_t number : numbers)
        add(number);
    return reply;
}

std::string nfs_said(const Bytes& reply, Refusal refusal = Refusal::is_error) {
    OneAnswer server(reply);
    return said(reach_nfs("127.0.0.1", "/images/debian", refusal, seconds(5), server.port));
}

TEST(Reach, an_nfs_server_looks_the_image_up) {
    EXPECT_EQ(nfs_said(rpc_reply({1, 1, 0, 0, 0, 0, 0, 0, 3})), "reached");
    EXPECT_EQ(nfs_said(rpc_reply({1, 1, 0, 0, 0, 0, 2, 0, 2})),
              "the NFS server at 127.0.0.1 does not export /images/debian: not found (NFS status 2)");
    EXPECT_EQ(nfs_said(rpc_reply({1, 1, 0, 0, 0, 0, 13, 0, 2}), Refusal::is_ignored), "reached");
    EXPECT_EQ(nfs_said(rpc_reply({1, 1, 0, 0, 0, 2, 3, 3})), "reached") << "a server of NFSv3 alone";
    EXPECT_EQ(nfs_said(rpc_reply({1, 1, 0, 0, 0, 0, 10021, 0, 0})), "reached") << "one of NFSv4.1 alone";
    EXPECT_EQ(nfs_said(rpc_reply({1, 1, 1, 1, 5})), "the NFS server denies the call");
    EXPECT_EQ(nfs_said(rpc_reply({1, 1, 0})), "the NFS server sent a short answer");
    EXPECT_EQ(nfs_said(rpc_reply({1, 0})), "no NFS server answers");
    EXPECT_EQ(nfs_said(bytes("HTTP/1.1 400 Bad Request\r\n")), "the NFS server sent 1213486160 bytes");
}

} // namespace

} // namespace mangrove::head
