#include <gtest/gtest.h>

#include "net/url.h"

namespace mangrove {
namespace {

TEST(Url, IsTakenApart) {
    struct Row {
        std::string written, host;
        uint16_t port;
        std::string path, credentials;
    };
    const Row rows[] = {
        {"http://head/root.tar", "head", 80, "/root.tar", ""},
        {"https://head.example:8443/a?b=c", "head.example", 8443, "/a?b=c", ""},
        {"tftp://192.0.2.1/node.json", "192.0.2.1", 69, "/node.json", ""},
        {"http://[2001:db8::1]:8080/x", "2001:db8::1", 8080, "/x", ""},
        {"http://[2001:db8::1]/x", "2001:db8::1", 80, "/x", ""},
        {"http://me:secret@head/x", "head", 80, "/x", "me:secret"},
        {"http://me:p@ss@head/x", "head", 80, "/x", "me:p@ss"},
        {"file:/images/root.sqsh", "", 0, "/images/root.sqsh", ""},
    };
    for (const Row& row : rows) {
        Result<Url> url = Url::parse(row.written);
        ASSERT_TRUE(url) << row.written << ": " << describe(url.error());
        EXPECT_EQ(url->host, row.host) << row.written;
        EXPECT_EQ(url->port, row.port) << row.written;
        EXPECT_EQ(url->path, row.path) << row.written;
        EXPECT_EQ(url->credentials, row.credentials) << row.written;
        EXPECT_EQ(url->to_text(), row.written);
    }
}

TEST(Url, IsBroughtIntoShape) {
    const std::pair<std::string, std::string> rows[] = {
        {"HTTP://head", "http://head/"},
        {"http://head?x", "http://head/?x"},
        {"http://head/a#part", "http://head/a"},
        {"http://head:/a", "http://head/a"},
        {"file:///a", "file:/a"},
    };
    for (const auto& [written, shape] : rows)
        EXPECT_EQ(Url::parse(written).value().to_text(), shape);
}

TEST(Url, IsShownWithoutSecrets) {
    EXPECT_EQ(Url::parse("http://me:secret@head:81/x?token=secret").value().shown(), "http://head:81/x");
}

TEST(Url, SaysWhatIsWrongWithoutQuotingIt) {
    const std::pair<std::string, std::string> rows[] = {
        {"head/root.tar", "invalid URL: expected http://, https://, tftp:// or file:/"},
        {"ftp://head/x", "invalid URL: expected http://, https://, tftp:// or file:/"},
        {"http:/head/x", "invalid URL: expected // after 'http:'"},
        {"http:///x", "invalid URL: no host"},
        {"http://me@/x", "invalid URL: no host"},
        {"http://head:0/x", "invalid port '0' in a URL: expected a number from 1 to 65535"},
        {"http://head:65536/x", "invalid port '65536' in a URL: expected a number from 1 to 65535"},
        {"http://[::1/x", "invalid URL: '[' without ']'"},
        {"http://[::1]x/", "invalid URL: unexpected text after ']'"},
        {"http://head/a b", "invalid URL: a character that must be written as % and two digits"},
        {"http://head/\n", "invalid URL: a character that must be written as % and two digits"},
        {"file:root.tar", "invalid URL: expected a path that begins with / after file:"},
        {"", "invalid URL: expected http://, https://, tftp:// or file:/"},
    };
    for (const auto& [written, what] : rows) {
        Result<Url> url = Url::parse(written);
        ASSERT_FALSE(url) << written;
        EXPECT_EQ(url.error().what, what);
        EXPECT_FALSE(url.error().is_transient());
    }
}

} // namespace
} // namespace mangrove
