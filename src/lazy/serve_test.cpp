#include "lazy/serve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/byte_order.h"
#include "base/log.h"
#include "base/sha256.h"
#include "lazy/nbd_channel.h"
#include "lazy/test_memory.h"
#include "system/fake/cache_disk.h"
#include "system/fake/downloads.h"
#include "system/fake/network.h"
#include "system/fake/system.h"

namespace mangrove::lazy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kUrl = "http://192.0.2.1/root";
constexpr const char* kMirror = "http://192.0.2.2/root";
constexpr uint64_t kSize = 20 * kPieceSize + 1000;

std::string file_of(char salt) {
    std::string contents(kSize, '\0');
    for (size_t at = 0; at < contents.size(); ++at)
        contents[at] = static_cast<char>(at >> 8 ^ at * 7 ^ static_cast<size_t>(salt));
    return contents;
}

struct Asked {
    uint64_t offset = 0;
    uint32_t length = 0;
    uint16_t command = 0;
};

Bytes request_of(const Asked& asked, uint64_t cookie) {
    Bytes request(kPieceSize > 0 ? 28 : 0);
    store_be32(request.data(), 0x25609513);
    store_be16(&request[6], asked.command);
    store_be32(&request[12], static_cast<uint32_t>(cookie));
    store_be32(&request[20], static_cast<uint32_t>(asked.offset));
    store_be32(&request[24], asked.length);
    return request;
}

/// The kernel at the other end: it asks when the server waits for it, and hangs up in the end.
struct Serving : testing::Test {
    Serving() {
        set_log_sink([this](LogLevel, std::string_view line) { log.emplace_back(line); });
        system.use(downloads);
        IpAddress address = *IpAddress::parse("127.0.0.1");
        network.listen(address, 1, [this](ByteView heard) {
            said.append(heard.begin(), heard.end());
            return heard.empty() ? everything() : Bytes();
        });
        downloads.when_waiting = [this](Deadline deadline) {
            if (is_prompt) EXPECT_EQ(replies().size(), given) << "it waits, and has something to say";
            if (given == asked.size() && replies().size() == given && quiet > 0) {
                --quiet;
                system.sleep(std::chrono::ceil<milliseconds>(deadline - system.now()));
                return false;
            }
            if (given < asked.size() || replies().size() >= asked.size() - unanswered) {
                ++given;
                return true;
            }
            system.sleep(std::chrono::ceil<milliseconds>(deadline - system.now()));
            if (when_idle) when_idle();
            return false;
        };
        serve_file(kUrl, file, "\"one\"");
        source.urls = {*Url::parse(kUrl)};
        source.size = kSize;
        known(0, "\"one\"");
    }
    ~Serving() override { set_log_sink({}); }

    void serve_file(const char* url, std::string contents, const char* etag) {
        downloads.serve_ranges(url, FakeDownloads::serve_file(std::move(contents), etag));
    }
    void fail(const char* url) {
        downloads.serve_ranges(url, [](const RangeRequest&) {
            return FakeDownloads::RangeReply{.error = transient_error("connecting: refused").error()};
        });
    }
    void known(size_t mirror, std::string_view version) {
        memory.state().mirrors[mirror].is_known = true;
        std::ranges::copy(version, memory.state().mirrors[mirror].version.begin());
        std::ranges::copy(as_bytes(file).first(kPieceSize), memory.state().beginning.begin());
    }
    Bytes everything() {
        Bytes bytes;
        for (size_t number = 0; number < asked.size(); ++number)
            for (uint8_t byte : request_of(asked[number], number + 1))
                bytes.push_back(byte);
        return bytes;
    }
    /// The errors, or the data, of the replies in their order.
    std::vector<std::string> replies() {
        std::vector<std::string> found;
        cookies.clear();
        for (std::string_view rest = said; rest.size() >= 16;) {
            const auto* head = reinterpret_cast<const uint8_t*>(rest.data());
            EXPECT_EQ(load_be32(head), 0x67446698U);
            uint32_t error = load_be32(head + 4);
            cookies.push_back(load_be32(head + 12));
            rest.remove_prefix(16);
            size_t length = error == 0 ? asked[cookies.back() - 1].length : 0;
            if (rest.size() < length) break;
            found.push_back(error == 0 ? std::string(rest.substr(0, length)) : text("error ", error));
            rest.remove_prefix(length);
        }
        return found;
    }
    ServingEnd serve(Phase phase = Phase::root) {
        UniqueFd connection = *network.connect_tcp(*IpAddress::parse("127.0.0.1"), 1, Deadline::max());
        uint32_t generation = *take_over(system, memory);
        NbdChannel channel(system, connection);
        return mangrove::lazy::serve(system, source, memory, channel, generation, phase,
                                     [this](const ServedState& now) { state = now; });
    }
    /// The machine starts again, with the disk that it has.
    void boot_with_disk() {
        memory = SharedMemory(std::shared_ptr<uint8_t>(new uint8_t[SharedMemory::size_for(256)](),
                                                       std::default_delete<uint8_t[]>()),
                              256);
        known(0, "\"one\"");
        system.use(disks);
        disks.bytes.resize(1 << 20);
        source.disk.reset();
        Result<DiskFile> opened = open_disk_cache(system, "/dev/vda", *disks.open("/dev/vda"),
                                                  {.size = kSize, .beginning = {1}}, false, Deadline::max());
        ASSERT_TRUE(opened);
        source.disk = std::make_shared<const DiskFile>(*std::move(opened));
        given = 0;
        said.clear();
    }
    std::string part(uint64_t offset, size_t length) {
        return (file + std::string(512, '\0')).substr(offset, length);
    }

    std::string file = file_of('a');
    Transcript transcript;
    FakeSystem system{transcript};
    FakeNetwork network{system};
    FakeDownloads downloads{transcript};
    FakeCacheDisks disks{transcript};
    SharedMemory memory = memory_of(256);
    Source source;
    std::vector<Asked> asked;
    size_t given = 0;
    size_t unanswered = 0;
    size_t quiet = 0;       ///< how often the kernel has nothing to ask at the end, before it hangs up
    bool is_prompt = false; ///< the servers answer at once
    std::string said;
    std::vector<uint64_t> cookies;
    std::function<void()> when_idle;
    ServedState state;
    std::vector<std::string> log;
};

TEST_F(Serving, AnswersReadsWithTheFile) {
    is_prompt = true;
    asked = {{.offset = 0, .length = 4096},
             {.offset = kPieceSize - 512, .length = 1024},
             {.offset = 20 * kPieceSize, .length = 1024},
             {.offset = 4096, .length = 4096}};
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(0, 4096), part(kPieceSize - 512, 1024),
                                       part(20 * kPieceSize, 1024), part(4096, 4096)));
    EXPECT_EQ(downloads.ranges.front().version, "\"one\"");
    EXPECT_EQ(downloads.ranges.front().length, kPieceSize);
    EXPECT_EQ(downloads.ranges.back().length, 1000U) << "the file ends there";
    EXPECT_LE(downloads.ranges.size(), 4U) << "what is there is not asked for again";
    EXPECT_EQ(state.now, "connected");
    EXPECT_THAT(log, IsEmpty());
}

TEST_F(Serving, ReadsManyPiecesInOneRequestAndAheadOfSequentialReads) {
    for (uint64_t piece = 0; piece < 20; piece += 2)
        asked.push_back({.offset = piece * kPieceSize, .length = 2 * kPieceSize});
    EXPECT_EQ(serve(), ServingEnd::let_go);
    std::string all;
    for (const std::string& reply : replies())
        all += reply;
    EXPECT_EQ(all, part(0, 20 * kPieceSize));
    EXPECT_LE(downloads.ranges.size(), 7U);
}

TEST_F(Serving, HasWhatTheBootWillRead) {
    source.prefetch = {4, 5, 6, 7, 12};
    asked = {{.offset = 0, .length = 4096}};
    EXPECT_EQ(serve(), ServingEnd::let_go);
    ASSERT_EQ(downloads.ranges.size(), 3U);
    EXPECT_EQ(downloads.ranges[0].offset, 4 * kPieceSize);
    EXPECT_EQ(downloads.ranges[0].length, 4 * kPieceSize);
    EXPECT_EQ(downloads.ranges[1].offset, 12 * kPieceSize);
    EXPECT_EQ(downloads.ranges[2].offset, 0U);
    asked = {{.offset = 5 * kPieceSize, .length = 4096}, {.offset = 12 * kPieceSize, .length = 512}};
    given = 0;
    said.clear();
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(5 * kPieceSize, 4096), part(12 * kPieceSize, 512)));
    EXPECT_EQ(downloads.ranges.size(), 3U) << "a successor has the pieces, and does not begin again";
}

TEST_F(Serving, RefusesWhatIsNoReadOfTheDevice) {
    asked = {{.offset = kSize + 1024, .length = 512},
             {.offset = 0, .length = 0},
             {.offset = 0, .length = 2 << 20},
             {.offset = 0, .length = 512, .command = 4}};
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre("error 22", "error 22", "error 22", "error 1"));
    EXPECT_THAT(downloads.ranges, IsEmpty());
}

TEST_F(Serving, EndsWhenTheKernelDisconnects) {
    asked = {{.command = 2}, {.offset = 0, .length = 512}};
    unanswered = 2;
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_EQ(said, "");
}

TEST_F(Serving, WaitsForAServerThatIsAway) {
    asked = {{.offset = 0, .length = 4096}};
    fail(kUrl);
    Time begin = system.now();
    when_idle = [&] {
        if (system.now() - begin > std::chrono::hours(1)) serve_file(kUrl, file, "\"one\"");
    };
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(0, 4096)));
    EXPECT_EQ(state.losses, 1U);
    ASSERT_EQ(log.size(), 2U);
    EXPECT_EQ(log[0], "the HTTP file http://192.0.2.1/root is lost: http://192.0.2.1/root: connecting: "
                      "refused; waiting for it");
    EXPECT_THAT(log[1], HasSubstr("the HTTP file http://192.0.2.1/root is back after 36"));
    EXPECT_LT(downloads.ranges.size(), 1000U) << "not without a pause";
}

TEST_F(Serving, FailsReadsWhileTheRootIsAssembled) {
    asked = {{.offset = 0, .length = 4096}};
    fail(kUrl);
    Time begin = system.now();
    EXPECT_EQ(serve(Phase::assembly), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre("error 5"));
    EXPECT_EQ(std::chrono::round<seconds>(system.now() - begin), seconds(10));
    EXPECT_EQ(memory.state().has_failed, 1U);
}

TEST_F(Serving, NeverMixesAFileWithAnother) {
    asked = {{.offset = 0, .length = 4096}};
    serve_file(kUrl, file_of('b'), "\"two\"");
    Time begin = system.now();
    bool was_changed = false;
    when_idle = [&] {
        was_changed |= state.now == "changed";
        if (system.now() - begin > seconds(60)) serve_file(kUrl, file, "\"one\"");
    };
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(0, 4096)));
    EXPECT_TRUE(was_changed);
    EXPECT_THAT(log[0], HasSubstr("the file has changed on the server; waiting for it"));
}

TEST_F(Serving, AsksTheNextMirrorAndChecksIt) {
    source.urls.push_back(*Url::parse(kMirror));
    asked = {{.offset = 3 * kPieceSize, .length = 4096}};
    fail(kUrl);
    serve_file(kMirror, file, "\"elsewhere\"");
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(3 * kPieceSize, 4096)));
    EXPECT_EQ(state.server, kMirror);
    EXPECT_EQ(downloads.ranges[1].offset, 0U) << "it must begin as the first one";
    EXPECT_EQ(downloads.ranges.back().version, "\"elsewhere\"");
    EXPECT_EQ(state.losses, 0U);
}

TEST_F(Serving, RefusesAMirrorWithAnotherFile) {
    source.urls.push_back(*Url::parse(kMirror));
    asked = {{.offset = 3 * kPieceSize, .length = 4096}};
    fail(kUrl);
    serve_file(kMirror, file_of('b'), "\"one\"");
    Time begin = system.now();
    when_idle = [&] {
        if (system.now() - begin > seconds(60)) serve_file(kUrl, file, "\"one\"");
    };
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(3 * kPieceSize, 4096)));
    EXPECT_THAT(log[0], HasSubstr("http://192.0.2.2/root: the file there is another one"));
}

TEST_F(Serving, DoesNotTakeABodyThatLies) {
    asked = {{.offset = 0, .length = 4096}};
    unsigned tries = 0;
    downloads.serve_ranges(kUrl, [&](const RangeRequest& request) {
        FakeDownloads::RangeReply reply = FakeDownloads::serve_file(file, "\"one\"")(request);
        ++tries;
        if (tries == 1) reply.body += "more";
        if (tries == 2) reply.body.resize(100);
        if (tries == 3) reply.error = transient_error("the server reset the connection").error();
        return reply;
    });
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(0, 4096)));
    EXPECT_GE(tries, 3U);
}

TEST_F(Serving, FollowsARedirectWithoutTheCredentials) {
    asked = {{.offset = 0, .length = 4096}, {.offset = 5 * kPieceSize, .length = 4096}};
    source.token = "secret";
    downloads.serve_ranges(kUrl, [&](const RangeRequest& request) {
        EXPECT_EQ(request.token, "secret");
        return FakeDownloads::RangeReply{.head = {.status = 302, .redirect = kMirror}};
    });
    downloads.serve_ranges(kMirror, [&](const RangeRequest& request) {
        EXPECT_EQ(request.token, "");
        return FakeDownloads::serve_file(file, "\"one\"")(request);
    });
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(0, 4096), part(5 * kPieceSize, 4096)));
    EXPECT_EQ(downloads.ranges.size(), 3U) << "the redirect is remembered";
}

TEST_F(Serving, AsksTheWrittenUrlAgainWhereTheTargetOfItsRedirectHasExpired) {
    for (uint64_t piece = 0; piece < 20; piece += 4)
        asked.push_back({.offset = piece * kPieceSize, .length = 4096});
    unsigned signed_urls = 0;
    downloads.serve_ranges(kUrl, [&](const RangeRequest&) {
        std::string url = text("http://192.0.2.9/root?signature=", ++signed_urls);
        downloads.serve_ranges(
            url, [&, number = signed_urls, uses = 0U](const RangeRequest& request) mutable {
                if (number == signed_urls && ++uses < 3)
                    return FakeDownloads::serve_file(file, "\"one\"")(request);
                return FakeDownloads::RangeReply{.head = {.status = 403, .refusal = "AccessDenied"}};
            });
        return FakeDownloads::RangeReply{.head = {.status = 302, .redirect = url}};
    });
    is_prompt = true;
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), testing::SizeIs(asked.size()));
    EXPECT_GT(signed_urls, 1U);
    EXPECT_EQ(state.losses, 0U);
    EXPECT_THAT(log, IsEmpty());
}

TEST_F(Serving, IsLostWhereTheTargetsOfAllRedirectsRefuse) {
    asked = {{.offset = 0, .length = 4096}};
    downloads.serve_ranges(kUrl, [](const RangeRequest&) {
        return FakeDownloads::RangeReply{.head = {.status = 302, .redirect = kMirror}};
    });
    downloads.serve_ranges(kMirror, [](const RangeRequest&) {
        return FakeDownloads::RangeReply{.head = {.status = 403, .refusal = "AccessDenied"}};
    });
    Time begin = system.now();
    when_idle = [&] {
        if (system.now() - begin > seconds(60)) serve_file(kMirror, file, "\"one\"");
    };
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(0, 4096)));
    EXPECT_THAT(log.front(), HasSubstr("the server answered 403 (AccessDenied); waiting for it"));
    EXPECT_LT(downloads.ranges.size(), 60U) << "not without a pause";
}

TEST_F(Serving, SignsRequestsToTheWrittenServerAlone) {
    asked = {{.offset = 0, .length = 4096}};
    source.username = "KEY";
    source.password = "secret";
    source.region = "eu-1";
    downloads.serve_ranges(kUrl, [&](const RangeRequest& request) {
        EXPECT_EQ(request.username, "KEY");
        EXPECT_EQ(request.region, "eu-1");
        return FakeDownloads::RangeReply{.head = {.status = 307, .redirect = kMirror}};
    });
    downloads.serve_ranges(kMirror, [&](const RangeRequest& request) {
        EXPECT_EQ(request.username + request.password + request.region, "");
        return FakeDownloads::serve_file(file, "\"one\"")(request);
    });
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(0, 4096)));
}

TEST_F(Serving, AnswersWhatAnEarlierProcessHasLeft) {
    asked = {{.offset = 4096, .length = 4096}, {.offset = 0, .length = 512}};
    given = 2; // the other process has read both
    network.listen(*IpAddress::parse("127.0.0.1"), 1, [this](ByteView heard) {
        said.append(heard.begin(), heard.end());
        return Bytes();
    });
    memory.state().pending[7] = {.cookie = 2, .offset = 0, .length = 512, .order = 9};
    memory.state().pending[9] = {.cookie = 1, .offset = 4096, .length = 4096, .order = 5};
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(4096, 4096), part(0, 512)));
    EXPECT_EQ(memory.state().pending[7].length, 0U);
}

TEST_F(Serving, ForgetsAReadThatTheKernelAsksForAgain) {
    asked = {{.offset = 4096, .length = 4096}, {.offset = 0, .length = 512}, {.offset = 0, .length = 512}};
    fail(kUrl);
    memory.state().connection = 1;
    memory.state().pending[7] = {.cookie = 9, .offset = 4096, .length = 4096, .order = 9};
    when_idle = [&] { serve_file(kUrl, file, "\"one\""); };
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(4096, 4096), part(0, 512), part(0, 512)));
    EXPECT_THAT(cookies, ElementsAre(1, 2, 3));
}

TEST_F(Serving, LeavesAReadWhoseAnswerDoesNotGoThrough) {
    asked = {{.offset = 4096, .length = 4096}};
    given = 1; // an earlier process has read it
    network.listen(*IpAddress::parse("127.0.0.1"), 1, [this](ByteView heard) {
        said.append(heard.begin(), heard.end());
        return Bytes();
    });
    memory.state().pending[7] = {.cookie = 1, .offset = 4096, .length = 4096, .order = 9};
    uint32_t generation = *take_over(system, memory);
    UniqueFd closed;
    NbdChannel channel(system, closed);
    EXPECT_EQ(mangrove::lazy::serve(system, source, memory, channel, generation, Phase::root,
                                    [](const ServedState&) {}),
              ServingEnd::broken);
    EXPECT_EQ(memory.state().pending[7].length, 4096U);
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(4096, 4096)));
}

TEST_F(Serving, LeavesAConnectionThatAnotherProcessHasTakenOver) {
    asked = {{.offset = 0, .length = 4096}};
    downloads.serve_ranges(kUrl, [this](const RangeRequest& request) {
        EXPECT_TRUE(take_over(system, memory));
        return FakeDownloads::serve_file(file, "\"one\"")(request);
    });
    EXPECT_EQ(serve(), ServingEnd::taken_over);
    EXPECT_EQ(said, "");
    EXPECT_EQ(memory.state().pending[0].length, 4096U);
}

TEST_F(Serving, TellsAConnectionThatWasLeftInTheMidstOfAMessage) {
    memory.state().is_busy = 1;
    memory.state().pending[0].length = 4096;
    memory.state().pending[1] = {.length = 512, .is_begun = true};
    EXPECT_FALSE(take_over(system, memory));
    EXPECT_EQ(memory.state().pending[1].length, 0U) << "the kernel may have the answer";
    EXPECT_EQ(memory.state().pending[0].length, 4096U) << "the next connection gets the answer";
    EXPECT_TRUE(take_over(system, memory));
}

TEST_F(Serving, AnswersFromTheDiskWhileTheServerIsAway) {
    boot_with_disk();
    asked = {{.offset = 0, .length = 4096}, {.offset = 5 * kPieceSize, .length = 3 * kPieceSize}};
    quiet = 10;
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_EQ(state.cache, "/dev/vda");
    EXPECT_EQ(state.held, 4 * kPieceSize);
    EXPECT_EQ(state.cache_hits, 0U);

    boot_with_disk();
    fail(kUrl);
    downloads.ranges.clear();
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(0, 4096), part(5 * kPieceSize, 3 * kPieceSize)));
    EXPECT_EQ(source.disk->memory.state().hits, 4U);
    EXPECT_THAT(downloads.ranges, IsEmpty());

    boot_with_disk();
    disks.hangs = true;
    serve_file(kUrl, file, "\"one\"");
    EXPECT_EQ(serve(), ServingEnd::let_go) << "it asks the server then";
    EXPECT_THAT(replies(), ElementsAre(part(0, 4096), part(5 * kPieceSize, 3 * kPieceSize)));
}

TEST_F(Serving, AReadFromTheDiskDoesNotWaitForOneFromTheServer) {
    boot_with_disk();
    asked = {{.offset = 5 * kPieceSize, .length = 4096}};
    quiet = 10;
    serve();
    boot_with_disk();
    fail(kUrl);
    asked = {{.offset = 0, .length = 512}, {.offset = 5 * kPieceSize, .length = 4096}};
    unanswered = 1;
    serve();
    EXPECT_THAT(replies(), ElementsAre(part(5 * kPieceSize, 4096)));
}

TEST_F(Serving, FillsTheDiskWhenTheSystemRuns) {
    boot_with_disk();
    source.fill = 1;
    asked = {{.offset = 0, .length = 4096}};
    quiet = 5;
    serve();
    EXPECT_EQ(downloads.ranges.size(), 1U) << "not before";
    boot_with_disk();
    system.add_file(kMultiUserFifo, "");
    Time begin = system.now();
    quiet = 100;
    serve();
    EXPECT_EQ(state.held, kSize);
    EXPECT_GT(system.now() - begin, milliseconds(250)) << "not faster than it should";

    boot_with_disk();
    fail(kUrl);
    asked = {{.offset = 18 * kPieceSize, .length = 4096}, {.offset = 20 * kPieceSize, .length = 512}};
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(18 * kPieceSize, 4096), part(20 * kPieceSize, 512)));
    EXPECT_EQ(state.losses, 0U);
}

TEST_F(Serving, FillsMemoryThatHoldsTheFile) {
    source.fill = 1;
    system.add_file(kMultiUserFifo, "");
    asked = {{.offset = 0, .length = 4096}};
    quiet = 100;
    serve();
    EXPECT_TRUE(state.is_filled);
    EXPECT_EQ(state.held, kSize);
    EXPECT_EQ(state.cache, "");
    EXPECT_EQ(state.losses, 0U);
}

TEST_F(Serving, FillingALostServerIsNoLoss) {
    source.fill = 1;
    system.add_file(kMultiUserFifo, "");
    asked = {{.offset = 0, .length = 4096}};
    quiet = 20;
    unsigned answers = 0;
    downloads.serve_ranges(kUrl, [&](const RangeRequest& request) {
        if (++answers == 1) return FakeDownloads::serve_file(file, "\"one\"")(request);
        return FakeDownloads::RangeReply{.error = transient_error("connecting: refused").error()};
    });
    serve();
    EXPECT_GT(answers, 2U);
    EXPECT_LT(answers, 100U);
    EXPECT_EQ(state.losses, 0U);
    EXPECT_EQ(state.now, "connected");
}

TEST_F(Serving, ProbesTheServersInTheirOrder) {
    Source fresh = {.urls = {*Url::parse("http://192.0.2.3/gone"), *Url::parse(kUrl)}};
    memory.state().mirrors = {};
    Result<> probed = probe(system, fresh, memory);
    ASSERT_TRUE(probed) << describe(probed.error());
    EXPECT_EQ(fresh.size, kSize);
    EXPECT_EQ(fresh.device_size() % 512, 0U);
    EXPECT_TRUE(memory.state().mirrors[1].is_known);
    EXPECT_STREQ(memory.state().mirrors[1].version.data(), "\"one\"");

    Source nowhere = {.urls = {*Url::parse("http://192.0.2.3/gone")}};
    EXPECT_EQ(probe(system, nowhere, memory).error().what, "http://192.0.2.3/gone: the server answered 404");
}

/// A registry with a server of tokens, and an artifact with the file.
struct ServingFromARegistry : Serving {
    ServingFromARegistry() {
        authorize(kManifest, [this](const RangeRequest& request) {
            EXPECT_EQ(request.length, 0U);
            EXPECT_THAT(request.accept, HasSubstr("application/vnd.oci.image.manifest.v1+json"));
            return FakeDownloads::RangeReply{.head = {.status = 200}, .body = manifest};
        });
        authorize(kBlob, FakeDownloads::serve_file(file, "\"one\""));
        downloads.serve_ranges(kTokens, [this](const RangeRequest& request) {
            EXPECT_EQ(request.username, "node");
            EXPECT_EQ(request.password, "secret");
            ++tokens;
            if (!is_there)
                return FakeDownloads::RangeReply{.error = transient_error("connecting: refused").error()};
            return FakeDownloads::RangeReply{
                .head = {.status = 200}, .body = text(R"({"token":"t)", tokens, R"(","expires_in":100})")};
        });
        source = {.urls = {*Url::parse(text("oci://192.0.2.1/a@", digest()))},
                  .username = "node",
                  .password = "secret"};
        memory.state().mirrors = {};
    }
    std::string digest() {
        Sha256 sha256;
        sha256.add(as_bytes(manifest));
        return "sha256:" + sha256.finish();
    }
    void authorize(const std::string& url, FakeDownloads::RangeServer server) {
        downloads.serve_ranges(url, [this, server](const RangeRequest& request) {
            EXPECT_EQ(request.password, "") << "that is for the server of tokens";
            bool is_valid = accepts_earlier ? !request.token.empty() : request.token == text("t", tokens);
            if (is_valid && is_accepting) return server(request);
            ++refusals;
            return FakeDownloads::RangeReply{
                .head = {.status = 401, .authenticate = text("Bearer realm=\"", realm, "\"")},
                .body = "a few words"};
        });
    }
    Result<> probe_it() { return probe(system, source, memory); }

    const std::string kLayer = "sha256:" + std::string(64, '1');
    std::string manifest = text(R"({"layers":[{"digest":")", kLayer, R"(","size":)", kSize, "}]}");
    const std::string kManifest = text("https://192.0.2.1/v2/a/manifests/", digest());
    const std::string kBlob = text("https://192.0.2.1/v2/a/blobs/", kLayer);
    static constexpr const char* kTokens = "https://192.0.2.9/token";
    std::string realm = kTokens;
    unsigned tokens = 0;
    bool is_there = true;
    bool is_accepting = true;
    bool accepts_earlier = false;
    unsigned refusals = 0;
};

TEST_F(ServingFromARegistry, ReadsTheFileThatTheManifestNames) {
    Result<> probed = probe_it();
    ASSERT_TRUE(probed) << describe(probed.error());
    EXPECT_EQ(source.size, kSize);
    EXPECT_EQ(tokens, 1U);
    size_t before = downloads.ranges.size();
    asked = {{.offset = 0, .length = 4096}, {.offset = 5 * kPieceSize, .length = 4096}};
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(0, 4096), part(5 * kPieceSize, 4096)));
    EXPECT_EQ(tokens, 2U) << "each process asks for its token";
    EXPECT_EQ(state.server, source.urls[0].shown());
    for (size_t number = before; number < downloads.ranges.size(); ++number)
        EXPECT_NE(downloads.ranges[number].url, kManifest) << "the process before knew it";
    EXPECT_THAT(log, IsEmpty());
}

TEST_F(ServingFromARegistry, RefusesWhatIsNotTheArtifact) {
    auto reason = [this] {
        Error error = probe_it().error();
        EXPECT_FALSE(error.is_transient());
        return error.what;
    };
    std::string was = std::exchange(manifest, "<html>");
    EXPECT_THAT(reason(), HasSubstr("@sha256:"));
    EXPECT_THAT(reason(), HasSubstr("the manifest has another digest: sha256:"));
    EXPECT_THAT(reason(), HasSubstr("HTML"));
    manifest = was;
    serve_file(kBlob.c_str(), "another one", "\"two\"");
    EXPECT_THAT(reason(), HasSubstr(text("the file has 11 bytes, and in the manifest ", kSize)));
    is_accepting = false;
    EXPECT_THAT(reason(), HasSubstr("the server answered 401: it refuses the token of the server of tokens"));
    downloads.serve_ranges(kTokens, [](const RangeRequest&) {
        return FakeDownloads::RangeReply{.head = {.status = 200}, .body = "<html>"};
    });
    EXPECT_THAT(reason(), HasSubstr("the server of tokens https://192.0.2.9/token: the answer is not JSON"));
    realm = "http://192.0.2.9/token";
    EXPECT_THAT(reason(), HasSubstr("refused: expected an https URL"));
}

TEST_F(ServingFromARegistry, AsksForAnotherTokenBeforeTheOneEnds) {
    ASSERT_TRUE(probe_it());
    asked = {{.offset = 0, .length = 4096}, {.offset = 5 * kPieceSize, .length = 4096}};
    accepts_earlier = true;
    Time begin = system.now();
    downloads.when_waiting = [&](Deadline deadline) {
        bool is_due = given != 1 || system.now() - begin > seconds(80);
        if (replies().size() == given && is_due) {
            ++given;
            return true;
        }
        system.sleep(std::chrono::ceil<milliseconds>(deadline - system.now()));
        return false;
    };
    refusals = 0;
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(0, 4096), part(5 * kPieceSize, 4096)));
    EXPECT_EQ(tokens, 3U);
    EXPECT_EQ(refusals, 1U) << "only the first request, which has none";
    EXPECT_EQ(downloads.ranges.back().token, "t2") << "no part waits for the next token";
}

TEST_F(ServingFromARegistry, AsksAgainWhenATokenEndsEarly) {
    ASSERT_TRUE(probe_it());
    asked = {{.offset = 0, .length = 4096}, {.offset = 5 * kPieceSize, .length = 4096}};
    unsigned parts = 0;
    authorize(kBlob, [&](const RangeRequest& request) {
        if (++parts == 2) ++tokens; // that was the last thing it was good for
        return FakeDownloads::serve_file(file, "\"one\"")(request);
    });
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(0, 4096), part(5 * kPieceSize, 4096)));
    EXPECT_EQ(state.losses, 0U);
}

TEST_F(ServingFromARegistry, WaitsForAServerOfTokensThatIsAway) {
    ASSERT_TRUE(probe_it());
    asked = {{.offset = 0, .length = 4096}};
    is_there = false;
    Time begin = system.now();
    when_idle = [&] { is_there = system.now() - begin > seconds(600); };
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(0, 4096)));
    EXPECT_EQ(state.losses, 1U);
    EXPECT_THAT(log[0],
                HasSubstr("the server of tokens https://192.0.2.9/token: connecting: refused; waiting"));
}

TEST_F(ServingFromARegistry, FollowsItToWhereTheFileIsWithoutATokenAndComesBack) {
    unsigned signings = 0;
    authorize(kBlob, [&](const RangeRequest&) {
        return FakeDownloads::RangeReply{
            .head = {.status = 307, .redirect = text("https://192.0.2.8/f?signature=", ++signings)}};
    });
    auto cdn = [&](const RangeRequest& request) {
        EXPECT_EQ(request.token + request.username, "");
        // The first URL ends after a while.
        if (request.url.ends_with("=2") && request.offset > kPieceSize)
            return FakeDownloads::RangeReply{.head = {.status = 403}};
        return FakeDownloads::serve_file(file, "\"cdn\"")(request);
    };
    for (unsigned number = 1; number < 9; ++number)
        downloads.serve_ranges(text("https://192.0.2.8/f?signature=", number), cdn);
    ASSERT_TRUE(probe_it());
    asked = {{.offset = 0, .length = 4096}, {.offset = 5 * kPieceSize, .length = 4096}};
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(0, 4096), part(5 * kPieceSize, 4096)));
    EXPECT_EQ(state.losses, 0U);
    EXPECT_EQ(signings, 3U);
}

TEST_F(ServingFromARegistry, MayBeAMirrorThatNobodyHasAskedYet) {
    serve_file(kMirror, file, "\"elsewhere\"");
    source.urls.insert(source.urls.begin(), *Url::parse(kMirror));
    ASSERT_TRUE(probe_it());
    fail(kMirror);
    asked = {{.offset = 3 * kPieceSize, .length = 4096}};
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(replies(), ElementsAre(part(3 * kPieceSize, 4096)));
    EXPECT_STREQ(memory.state().mirrors[1].blob.data(), kLayer.c_str());
}

} // namespace
} // namespace mangrove::lazy
