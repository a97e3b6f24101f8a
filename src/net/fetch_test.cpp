#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "net/build_time.h"
#include "net/fetch.h"
#include "system/fake/downloads.h"
#include "system/fake/network.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class Fetch : public testing::Test {
  protected:
    Fetch() {
        system_.use(downloads_);
        system_.add_file("/proc/cmdline", "quiet\n");
        network_.add_host("head", {*IpAddress::parse("192.0.2.1"), *IpAddress::parse("2001:db8::1")});
        set_log_sink([this](LogLevel, std::string_view line) { log_.emplace_back(line); });
    }
    ~Fetch() override { set_log_sink({}); }

    void redirect(const std::string& from, const std::string& to) {
        downloads_.serve(from, {.head = {.status = 302, .redirect = to}});
    }
    Result<std::string> fetch(const std::string& url) { return fetch_text(system_, url, seconds(60), 100); }
    Error error(const std::string& url) {
        Result<std::string> fetched = fetch(url);
        return fetched ? Error{.what = "no error"} : fetched.error();
    }

    Transcript transcript_;
    FakeSystem system_{transcript_};
    FakeNetwork network_{system_};
    FakeDownloads downloads_{transcript_};
    std::vector<std::string> log_;
};

TEST_F(Fetch, GivesTheAddressesOfTheName) {
    downloads_.serve("http://head:8080/a", {.body = "text"});
    EXPECT_EQ(fetch("http://head:8080/a").value_or(""), "text");
    const DownloadRequest& request = downloads_.requests.at(0);
    EXPECT_EQ(request.host, "head");
    EXPECT_EQ(request.port, 8080);
    EXPECT_EQ(request.addresses.size(), 2u);
    EXPECT_EQ(request.time_limit, seconds(60));
}

TEST_F(Fetch, LooksNoAddressUp) {
    for (const char* url : {"http://192.0.2.1/a", "http://[2001:db8::1]/a", "file:/a"}) {
        downloads_.serve(url, {.body = "text"});
        EXPECT_TRUE(fetch(url));
        EXPECT_EQ(transcript_.lines().back(), std::string("downloading ") + url);
    }
}

TEST_F(Fetch, ANameThatIsNotKnownIsNamed) {
    EXPECT_THAT(error("http://nobody/a").what, HasSubstr("http://nobody/a: looking up 'nobody'"));
}

TEST_F(Fetch, SaysWhyTheServerRefuses) {
    for (const auto& [reason, end] : std::map<std::string, std::string>{
             {"192.0.2.7 is not an address of n001", ": 192.0.2.7 is not an address of n001"},
             {"forbidden", ""}}) {
        FakeDownloads downloads(transcript_);
        system_.use(downloads);
        downloads.serve("http://head/a", {.head = {.status = 403, .reason = reason}});
        EXPECT_EQ(error("http://head/a").what, "http://head/a: the server answered 403 (forbidden)" + end);
    }
}

TEST_F(Fetch, SaysWhatTheServerAnswered) {
    struct Row {
        unsigned status;
        std::string what;
        bool is_transient;
    };
    const Row rows[] = {
        {404, "http://head/a: the server answered 404 (not found)", false},
        {403, "http://head/a: the server answered 403 (forbidden)", false},
        {204, "http://head/a: the server answered 204", false},
        {429, "http://head/a: the server answered 429 (too many requests)", true},
        {500, "http://head/a: the server answered 500 (internal server error)", true},
        {503, "http://head/a: the server answered 503 (service unavailable)", true},
        {599, "http://head/a: the server answered 599", true},
    };
    for (const Row& row : rows) {
        FakeDownloads downloads(transcript_);
        system_.use(downloads);
        downloads.serve("http://head/a", {.head = {.status = row.status}});
        Error said = error("http://head/a");
        EXPECT_EQ(said.what, row.what);
        EXPECT_EQ(said.is_transient(), row.is_transient) << row.what;
    }
}

TEST_F(Fetch, ComesBackWhenAServerAsksForIt) {
    downloads_.serve("http://head/a", {.head = {.status = 503, .retry_after = seconds(7)}});
    downloads_.serve("http://head/a", {.body = "text"});
    Time begun = system_.now();
    EXPECT_EQ(fetch("http://head/a").value_or(""), "text");
    EXPECT_EQ(system_.now() - begun, seconds(7));
    EXPECT_THAT(log_, ElementsAre("http://head/a: the server answered 503; retrying in 7 s, as it asks"));
}

TEST_F(Fetch, DoesNotComeBackForEverNorAfterHours) {
    downloads_.serve("http://head/a", {.head = {.status = 503, .retry_after = seconds(3)}});
    EXPECT_TRUE(error("http://head/a").is_transient());
    EXPECT_EQ(downloads_.requests.size(), 6u);
    downloads_.serve("http://head/b", {.head = {.status = 503, .retry_after = seconds(3600)}});
    EXPECT_TRUE(error("http://head/b").is_transient());
    EXPECT_EQ(downloads_.requests.size(), 7u);
}

TEST_F(Fetch, FollowsRedirects) {
    redirect("http://head/a", "http://head/b");
    redirect("http://head/b", "https://head/c");
    system_.add_file(kAuthorities, "certificates");
    downloads_.serve("https://head/c", {.body = "text"});
    EXPECT_EQ(fetch("http://head/a").value_or(""), "text");
}

TEST_F(Fetch, DoesNotFollowEveryRedirect) {
    system_.add_file(kAuthorities, "certificates");
    redirect("http://head/loop", "http://head/loop");
    EXPECT_EQ(error("http://head/loop").what, "http://head/loop: more than 10 redirects");
    redirect("https://head/down", "http://head/a");
    EXPECT_EQ(error("https://head/down").what,
              "https://head/down: redirect from https to http refused: http://head/a");
    redirect("http://head/file", "file:/etc/shadow");
    EXPECT_EQ(error("http://head/file").what,
              "http://head/file: redirect away from HTTP refused: file:/etc/shadow");
    redirect("http://head/ftp", "ftp://head/");
    EXPECT_EQ(
        error("http://head/ftp").what,
        "http://head/ftp: invalid redirect: invalid URL: expected http://, https://, tftp:// or file:/");
}

TEST_F(Fetch, JudgesServersByTheAuthoritiesOfTheInitramfs) {
    EXPECT_EQ(error("https://head/a").what,
              "https://head/a: no CA certificates for https: the initramfs has no /etc/mangrove/ca.pem; add "
              "it with 'mangrove initramfs --ca FILE'");
    system_.add_file(kAuthorities, "certificates");
    downloads_.serve("https://head/a", {.body = "text"});
    EXPECT_TRUE(fetch("https://head/a"));
    EXPECT_EQ(downloads_.requests.back().authorities, kAuthorities);
    system_.add_file("/proc/cmdline", "mangrove.ca=/site.pem\n");
    system_.add_file("/site.pem", "certificates");
    EXPECT_TRUE(fetch("https://head/a"));
    EXPECT_EQ(downloads_.requests.back().authorities, "/site.pem");
}

TEST_F(Fetch, SetsAClockThatIsBeforeItsOwnTime) {
    system_.add_file(kAuthorities, "certificates");
    system_.lose_wall_clock();
    downloads_.serve("https://head/a", {.body = "text"});
    EXPECT_TRUE(fetch("https://head/a"));
    EXPECT_EQ(system_.wall_clock(), build_time());
    EXPECT_THAT(log_, ElementsAre(HasSubstr("the clock of this machine was not set")));
    EXPECT_TRUE(fetch("https://head/a"));
    EXPECT_EQ(log_.size(), 1u);
}

TEST_F(Fetch, LeavesTheClockAloneWithoutCertificates) {
    system_.lose_wall_clock();
    downloads_.serve("http://head/a", {.body = "text"});
    EXPECT_TRUE(fetch("http://head/a"));
    EXPECT_EQ(system_.wall_clock(), WallTime{});
}

TEST_F(Fetch, TakesNoMoreThanTheLimit) {
    downloads_.serve("http://head/a", {.body = std::string(100, 'x')});
    EXPECT_EQ(fetch("http://head/a").value_or("").size(), 100u);
    downloads_.serve("http://head/b", {.body = std::string(101, 'x')});
    EXPECT_EQ(error("http://head/b").what, "http://head/b: it is longer than 100 bytes");
    EXPECT_FALSE(error("http://head/b").is_transient());
}

TEST_F(Fetch, PassesOnWhetherItCanPass) {
    downloads_.serve("http://head/a", {.error = Error{.what = "connecting: Connection refused",
                                                      .permanence = Permanence::transient}});
    Error said = error("http://head/a");
    EXPECT_EQ(said.what, "http://head/a: connecting: Connection refused");
    EXPECT_TRUE(said.is_transient());
}

/// A file of which half comes before its server goes away.
struct BrokenOff : Fetch {
    BrokenOff() { serve({.version = "\"v1\"", .broken_off = lost("the connection was lost")}, "te"); }

    static Error lost(std::string why) {
        return {.what = std::move(why), .permanence = Permanence::transient};
    }
    void serve(DownloadAnswer head, std::string body = {}) {
        downloads_.serve("http://head/a", {.head = std::move(head), .body = std::move(body)});
    }
    Result<> fetch(seconds time_limit = {}) {
        return mangrove::fetch(system_, "http://head/a", time_limit, [this](ByteView piece) -> Result<> {
            body_.append(piece.begin(), piece.end());
            return {};
        });
    }
    Error error(seconds time_limit = {}) {
        Result<> fetched = fetch(time_limit);
        return fetched ? Error{.what = "no error"} : fetched.error();
    }

    std::string body_;
};

TEST_F(BrokenOff, GoesOnWhenTheServerIsBack) {
    downloads_.serve("http://head/a", {.error = lost("connecting: Connection refused")});
    serve({.status = 503});
    serve({.status = 206, .broken_off = lost("the connection was lost")}, "x");
    serve({.status = 206}, "t");
    Result<> fetched = fetch();
    ASSERT_TRUE(fetched) << describe(fetched.error());
    EXPECT_EQ(body_, "text");
    EXPECT_EQ(downloads_.requests.at(3).offset, 2u);
    EXPECT_EQ(downloads_.requests.at(4).offset, 3u);
    EXPECT_EQ(downloads_.requests.at(4).version, "\"v1\"");
    EXPECT_THAT(
        log_,
        ElementsAre("http://head/a: the connection was lost; resuming after 2 bytes",
                    "http://head/a: connecting: Connection refused; resuming after 2 bytes",
                    "http://head/a: the server answered 503 (service unavailable); resuming after 2 bytes",
                    "http://head/a: the connection was lost; resuming after 3 bytes"));
}

TEST_F(BrokenOff, WaitsForTheServerForAMinute) {
    downloads_.serve("http://head/a", {.error = lost("connecting: Connection refused")});
    Time begun = system_.now();
    EXPECT_EQ(error().what, "http://head/a: connecting: Connection refused");
    EXPECT_GE(system_.now() - begun, seconds(60));
    EXPECT_LT(system_.now() - begun, seconds(70));
    EXPECT_EQ(log_.size(), 2u) << "each reason is said once";
}

TEST_F(BrokenOff, AnotherFileHasToBeFetchedWhole) {
    serve({.status = 200}, "other");
    Error changed = error();
    EXPECT_EQ(changed.what, "http://head/a: the server answered 200 to a request for the rest of the file: "
                            "the file has changed, or the server supports no range requests");
    EXPECT_TRUE(changed.is_transient());
    EXPECT_EQ(body_, "te");
}

TEST_F(BrokenOff, ARefusalIsWhatItIs) {
    serve({.status = 404});
    Error refused = error();
    EXPECT_EQ(refused.what, "http://head/a: the server answered 404 (not found)");
    EXPECT_FALSE(refused.is_transient());
}

TEST_F(BrokenOff, AFewBytesAreNoProgress) {
    serve({.status = 206, .broken_off = lost("the connection was lost")}, "x");
    Time begun = system_.now();
    EXPECT_EQ(error().what, "http://head/a: the connection was lost");
    EXPECT_LT(system_.now() - begun, seconds(70));
}

TEST_F(BrokenOff, IsAnErrorWhereTimeIsLimited) {
    EXPECT_EQ(error(seconds(60)).what, "http://head/a: the connection was lost");
    EXPECT_EQ(downloads_.requests.size(), 1u);
}

struct Post : Fetch {
    Result<> post(const std::string& url) {
        return post_json(system_, url, {.json = "{}", .authorities = "/ca.pem", .time_limit = seconds(60)});
    }
    Error error(const std::string& url) {
        Result<> posted = post(url);
        return posted ? Error{.what = "no error"} : posted.error();
    }
};

TEST_F(Post, IsDoneWhenTheServerTakesIt) {
    system_.add_file("/ca.pem", "certificates");
    for (unsigned status : {200u, 201u, 202u, 204u}) {
        std::string url = text("https://head/", status);
        downloads_.serve(url, {.head = {.status = status}, .body = "thanks"});
        EXPECT_TRUE(post(url)) << status;
        EXPECT_EQ(downloads_.requests.back().json, "{}");
        EXPECT_EQ(downloads_.requests.back().authorities, "/ca.pem");
        EXPECT_EQ(downloads_.requests.back().addresses.size(), 2u);
    }
}

TEST_F(Post, AnAnswerIsItsFirstKiB) {
    downloads_.serve("http://head/health", {.body = "committed\n" + std::string(5000, 'x')});
    Result<std::string> answer = post_for_answer(system_, "http://head/health", {.json = "{}"});
    ASSERT_TRUE(answer);
    EXPECT_EQ(*answer, "committed\n" + std::string(1014, 'x'));
    downloads_.serve("http://head/silent", {.head = {.status = 204}});
    EXPECT_EQ(post_for_answer(system_, "http://head/silent", {.json = "{}"}).value(), "");
}

TEST_F(Post, SaysWhatWentWrong) {
    downloads_.serve("http://head/busy", {.head = {.status = 503}});
    EXPECT_TRUE(error("http://head/busy").is_transient());
    EXPECT_EQ(error("http://me:key@head/none").what, "http://head/none: the server answered 404 (not found)");
    redirect("http://head/old", "https://me:key@head/new");
    EXPECT_EQ(error("http://head/old").what, "http://head/old: redirect not followed: https://head/new");
    EXPECT_EQ(error("tftp://head/a").what, "tftp://head/a: cannot post: expected an http or https URL");
    EXPECT_THAT(error("http://nobody/a").what, HasSubstr("http://nobody/a: looking up 'nobody'"));
    EXPECT_EQ(downloads_.requests.size(), 3u);
}

TEST_F(Post, ComesBackWhenAServerAsksForIt) {
    downloads_.serve("http://head/a", {.head = {.status = 429, .retry_after = seconds(7)}});
    downloads_.serve("http://head/a", {.head = {.status = 204}});
    Time begun = system_.now();
    EXPECT_TRUE(post("http://head/a"));
    EXPECT_EQ(system_.now() - begun, seconds(7));
}

struct FetchUpdate : Fetch {
    Update update(const std::string& url, const std::string& known = "\"v1\"") {
        body_.clear();
        return fetch_update(system_, url, known, "/ca.pem", [this](ByteView piece) -> Result<> {
            body_.append(piece.begin(), piece.end());
            return {};
        });
    }
    std::string body_;
};

TEST_F(FetchUpdate, BringsAnotherVersion) {
    redirect("http://head/a", "https://head/b");
    downloads_.serve("https://head/b", {.head = {.version = "\"v2\""}, .body = "text"});
    Update fetched = update("http://head/a");
    EXPECT_EQ(fetched.outcome, Update::Outcome::changed);
    EXPECT_EQ(fetched.version, "\"v2\"");
    EXPECT_EQ(body_, "text");
    EXPECT_EQ(downloads_.requests.back().version, "\"v1\"");
    EXPECT_EQ(downloads_.requests.back().authorities, "/ca.pem");
}

TEST_F(FetchUpdate, KnowsWhatNeedsNothing) {
    downloads_.serve("http://head/same", {.head = {.status = 304, .version = "\"v1\""}});
    EXPECT_EQ(update("http://head/same").outcome, Update::Outcome::unchanged);
    downloads_.serve("http://head/gone", {.head = {.status = 410}});
    EXPECT_EQ(update("http://head/gone").outcome, Update::Outcome::missing);
    EXPECT_EQ(update("http://head/none").outcome, Update::Outcome::missing);
    EXPECT_EQ(update("http://head/same", "").outcome, Update::Outcome::failed) << "it was not asked for";
}

TEST_F(FetchUpdate, DoesNotWaitItself) {
    downloads_.serve("http://head/a", {.head = {.status = 503, .retry_after = seconds(7)}});
    Time begun = system_.now();
    Update busy = update("http://head/a");
    EXPECT_EQ(busy.outcome, Update::Outcome::failed);
    EXPECT_EQ(busy.retry_after, seconds(7));
    EXPECT_EQ(busy.error->what, "http://head/a: the server answered 503 (service unavailable)");
    EXPECT_EQ(system_.now(), begun);
    EXPECT_EQ(downloads_.requests.size(), 1u);
}

TEST_F(FetchUpdate, SaysWhatWentWrong) {
    redirect("http://head/loop", "http://head/loop");
    EXPECT_EQ(update("http://head/loop").error->what, "http://head/loop: more than 10 redirects");
    EXPECT_EQ(update("http://me:key@/").error->what, "invalid URL: no host");
    downloads_.serve("http://head/cut",
                     {.head = {.broken_off = Error{.what = "the connection was lost"}}, .body = "te"});
    Update cut = update("http://head/cut");
    EXPECT_EQ(cut.outcome, Update::Outcome::failed);
    EXPECT_EQ(cut.error->what, "http://head/cut: the connection was lost");
}

} // namespace
} // namespace mangrove
