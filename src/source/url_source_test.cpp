#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "source/testing/search.h"

namespace mangrove {
namespace {

using testing::HasSubstr;

/// A node whose network is up, and a server with one definition.
struct UrlSource : SearchTest {
    UrlSource() {
        system.use(downloads);
        system.add_file("/proc/cmdline", "quiet\n");
        system.add_file("/sys/class/dmi/id/product_uuid", "D0FF9AA0-BD0B-439A-839D-5F8E3A47853F\n");
        system.add_file("/sys/class/dmi/id/product_serial", "AB 12/7\n");
        ConfiguredLink link;
        link.link.name = "eth0";
        link.link.mac = *MacAddress::parse("52:54:00:12:34:56");
        link.addresses.emplace_back().address = *IpAddress::parse("192.0.2.10");
        search.boot.network.emplace();
        search.boot.network->links = {link};
        search.boot.network->host_name = "node7";
    }
    void serve(const std::string& url, const std::string& body) { downloads.serve(url, {.body = body}); }
    Result<Found> find(const std::string& source) { return find_definition(search, source); }
    Error error(const std::string& source) {
        Result<Found> found = find(source);
        return found ? Error{.what = "no error"} : found.error();
    }
};

TEST_F(UrlSource, FetchesTheDefinition) {
    for (const char* url : {"http://192.0.2.1/node.json", "tftp://192.0.2.1/node.json"}) {
        serve(url, "{}");
        Result<Found> found = find(url);
        ASSERT_TRUE(found) << describe(found.error());
        EXPECT_EQ(found->text, "{}");
        EXPECT_EQ(found->origin, url);
        EXPECT_EQ(found->readers, "everybody on the network");
    }
    system.add_file("/etc/mangrove/ca.pem", "certificates");
    serve("https://192.0.2.1/node.json", "{}");
    EXPECT_EQ(find("https://192.0.2.1/node.json").value().readers, "");
}

TEST_F(UrlSource, BringsUpTheNetwork) {
    search.boot.network.reset();
    EXPECT_FALSE(find("http://192.0.2.1/node.json"));
    EXPECT_TRUE(downloads.requests.empty());
}

TEST_F(UrlSource, FillsInWhatTheNodeIs) {
    const std::pair<std::string, std::string> rows[] = {
        {"{mac}", "52:54:00:12:34:56"}, {"{uuid}", "d0ff9aa0-bd0b-439a-839d-5f8e3a47853f"},
        {"{serial}", "AB%2012%2f7"},    {"{hostname}", "node7"},
        {"{ip}", "192.0.2.10"},         {"{ip}/{hostname}.json?{ip}", "192.0.2.10/node7.json?192.0.2.10"},
    };
    for (const auto& [written, meant] : rows) {
        serve("http://192.0.2.1/" + meant, "{}");
        Result<Found> found = find("http://192.0.2.1/" + written);
        EXPECT_TRUE(found) << written << ": " << describe(found.error());
    }
}

TEST_F(UrlSource, NamesWhatTheNodeDoesNotHave) {
    search.boot.network->host_name.clear();
    EXPECT_EQ(describe(error("http://192.0.2.1/{hostname}")),
              "{hostname}: this node has no host name\n  while filling in http://192.0.2.1/{hostname}");
    system.remove("/sys/class/dmi/id/product_serial");
    EXPECT_EQ(error("http://192.0.2.1/{serial}").what, "{serial}: this node has no serial number");
    EXPECT_EQ(error("http://192.0.2.1/{name}").what,
              "unknown placeholder '{name}'; known: {mac}, {uuid}, {serial}, {hostname}, {ip}");
    EXPECT_EQ(error("http://192.0.2.1/{mac").what, "'{' without '}'");
    EXPECT_TRUE(downloads.requests.empty());
}

TEST_F(UrlSource, SaysWhatWentWrong) {
    EXPECT_EQ(error("http://me:secret@192.0.2.1/a").what,
              "http://192.0.2.1/a: the server answered 404 (not found)");
    EXPECT_THAT(describe(error("http://me:secret@/a")), HasSubstr("invalid URL: no host"));
    EXPECT_THAT(describe(error("http://me:secret@/a")), testing::Not(HasSubstr("secret")));
    serve("http://192.0.2.1/large", std::string((1 << 20) + 1, '{'));
    EXPECT_EQ(error("http://192.0.2.1/large").what,
              "http://192.0.2.1/large: it is longer than 1048576 bytes");
    serve("http://192.0.2.1/page", "<html>");
    EXPECT_EQ(error("http://192.0.2.1/page").what,
              "http://192.0.2.1/page holds no definition: expected JSON that begins with '{'");
    downloads.serve("http://192.0.2.1/busy", {.head = {.status = 503}});
    EXPECT_TRUE(error("http://192.0.2.1/busy").is_transient()) << "so that it is asked again";
}

} // namespace
} // namespace mangrove
