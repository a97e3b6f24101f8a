#include "definition/masked.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mangrove::definition {
namespace {

struct Row {
    std::string written;
    std::string shown;
};

TEST(Masked, ShowsEverythingButSecrets) {
    const Row rows[] = {
        {R"({"name": "a", "list": [1, true, null, "x"]})", R"({"name":"a","list":[1,true,null,"x"]})"},
        {R"({"chap":{"username":"u","password":"p1","username_in":"v","password_in":"p2"}})",
         R"({"chap":{"username":"u","password":"…","username_in":"v","password_in":"…"}})"},
        {R"({"options":{"name":"admin","secret":"AQ=="}})", R"({"options":{"name":"admin","secret":"…"}})"},
        {R"({"nvme":{"dhchap_secret":"DHHC-1:00:x:"}})", R"({"nvme":{"dhchap_secret":"…"}})"},
        {R"({"http":{"access_key":"a","secret_key":"s"}})",
         R"({"http":{"access_key":"a","secret_key":"…"}})"},
        {R"({"fallback":[{"chap":{"password":"p"}}]})", R"({"fallback":[{"chap":{"password":"…"}}]})"},
        {R"({"uri":"https://u:p@example.org/a@b"})", R"({"uri":"https://…@example.org/a@b"})"},
        {R"({"uri":"https://example.org/a?token=t"})", R"({"uri":"https://example.org/a?…"})"},
        {R"({"uri":"http://example.org"})", R"({"uri":"http://example.org"})"},
        {"[1]", ""},
        {"{", ""},
    };
    for (const Row& row : rows)
        EXPECT_EQ(masked(row.written), row.shown);
}

} // namespace
} // namespace mangrove::definition
