#include "lazy/answer.h"

#include <gtest/gtest.h>

namespace mangrove::lazy {
namespace {

constexpr const char* kTag = "\"one\"";
constexpr const char* kDate = "Tue, 01 Dec 2026 00:00:00 GMT";

RangeHead part(std::string range) {
    return {.status = 206, .content_range = std::move(range), .etag = kTag};
}
Wanted second_page() {
    return {.offset = 4096, .length = 4096, .size = 10000, .version = kTag};
}
Verdict verdict(const RangeHead& head, const Wanted& wanted = second_page()) {
    return judge(head, wanted).verdict;
}

TEST(RangeAnswer, IsGoodWhenItIsThePart) {
    Judged judged = judge(part("bytes 4096-8191/10000"), second_page());
    EXPECT_EQ(judged.verdict, Verdict::good);
    EXPECT_EQ(judged.size, 10000U);
    EXPECT_EQ(judged.length, 4096U);
    EXPECT_EQ(judged.version, kTag);
    EXPECT_EQ(verdict(part("bytes 8192-9999/10000"), {.offset = 8192, .length = 4096, .size = 10000}),
              Verdict::good)
        << "the last part is shorter";
    EXPECT_EQ(judge(part("bytes 0-9999/10000"), {.offset = 0, .length = 16384}).size, 10000U);
}

TEST(RangeAnswer, IsRefusedWhenItIsAnotherPart) {
    for (const char* range :
         {"bytes 0-4095/10000", "bytes 4096-8190/10000", "bytes 4096-8192/10000", "bytes 4096-9999/10000",
          "bytes 4096-8191/*", "bytes */10000", "bytes 8191-4096/10000", "bytes 4096-8191", "4096-8191/10000",
          "", "bytes 4096-8191/8000", "bytes 99999999999999999999-8191/10000", "bytes=4096-8191/10000"})
        EXPECT_EQ(verdict(part(range)), Verdict::refused) << range;
}

TEST(RangeAnswer, IsRefusedFromAServerWithoutRanges) {
    Judged judged = judge({.status = 200, .etag = kTag}, second_page());
    EXPECT_EQ(judged.verdict, Verdict::refused);
    EXPECT_EQ(judged.reason, "the server supports no range requests: it answered 200, not 206");
}

TEST(RangeAnswer, IsRefusedWhenCompressed) {
    RangeHead head = part("bytes 4096-8191/10000");
    head.content_encoding = "gzip";
    EXPECT_EQ(verdict(head), Verdict::refused);
    head.content_encoding = "identity";
    EXPECT_EQ(verdict(head), Verdict::good);
}

TEST(RangeAnswer, TellsThatTheFileHasChanged) {
    RangeHead head = part("bytes 4096-8191/10000");
    head.etag = "\"two\"";
    EXPECT_EQ(verdict(head), Verdict::changed);
    EXPECT_EQ(verdict(part("bytes 4096-8191/10001")), Verdict::changed);
    EXPECT_EQ(verdict({.status = 200, .etag = "\"two\""}), Verdict::changed);
    EXPECT_EQ(verdict({.status = 416}), Verdict::changed);
    EXPECT_EQ(verdict({.status = 412}), Verdict::changed);
    head.etag.clear();
    EXPECT_EQ(verdict(head), Verdict::good) << "If-Range has the server compare it";
}

TEST(RangeAnswer, ComparesWeakTagsAndDates) {
    Wanted wanted = second_page();
    wanted.version = "W/\"one\"";
    EXPECT_EQ(condition_of(wanted.version), "");
    RangeHead head = part("bytes 4096-8191/10000");
    head.etag = "W/\"one\"";
    EXPECT_EQ(verdict(head, wanted), Verdict::good);
    head.etag = "W/\"two\"";
    EXPECT_EQ(verdict(head, wanted), Verdict::changed);
    head.etag.clear();
    EXPECT_EQ(verdict(head, wanted), Verdict::changed) << "nobody has compared it";
    wanted.version = kDate;
    head.last_modified = kDate;
    EXPECT_EQ(verdict(head, wanted), Verdict::good);
    head.last_modified = "Wed, 02 Dec 2026 00:00:00 GMT";
    EXPECT_EQ(verdict(head, wanted), Verdict::changed);
    EXPECT_EQ(version_of({.etag = "", .last_modified = kDate}), kDate);
    EXPECT_EQ(version_of({.etag = text('"', std::string(300, 'x'), '"')}), "");
}

TEST(RangeAnswer, TellsWhoMayAnswerLater) {
    for (unsigned status : {429U, 500U, 502U, 503U, 504U})
        EXPECT_EQ(verdict({.status = status}), Verdict::away) << status;
    for (unsigned status : {401U, 403U, 404U, 0U})
        EXPECT_EQ(verdict({.status = status}), Verdict::refused) << status;
    EXPECT_EQ(verdict({.status = 302, .redirect = "http://a/b"}), Verdict::redirect);
    EXPECT_EQ(judge({.status = 403, .refusal = "RequestTimeTooSkewed"}, {.length = 4096}).reason,
              "the server answered 403 (RequestTimeTooSkewed): the clock of this node is wrong");
    EXPECT_EQ(judge({.status = 416}, {.length = 4096}).reason, "the server answered 416: the file is empty");
}

} // namespace
} // namespace mangrove::lazy
