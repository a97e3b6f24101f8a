#include "lazy/ublk_channel.h"

#include <algorithm>
#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lazy/serve.h"
#include "lazy/test_memory.h"
#include "system/fake/downloads.h"
#include "system/fake/system.h"
#include "system/fake/ublk_devices.h"

namespace mangrove::lazy {
namespace {

using testing::ElementsAre;

constexpr const char* kUrl = "http://192.0.2.1/root";
constexpr uint64_t kSize = 3 * kPieceSize;

struct UblkServing : testing::Test {
    UblkServing() {
        system.use(downloads);
        downloads.when_waiting = [](Deadline) { return true; };
        file[kPieceSize - 1] = 'a';
        file[kPieceSize] = 'b';
        downloads.serve_ranges(kUrl, FakeDownloads::serve_file(file, "\"one\""));
        source.urls = {*Url::parse(kUrl)};
        source.size = kSize;
        MirrorMemory& mirror = memory.state().mirrors[0];
        mirror.is_known = true;
        std::ranges::copy(std::string_view("\"one\""), mirror.version.begin());
    }
    ServingEnd serve() {
        std::unique_ptr<UblkQueue> queue = *ublk.serve({.number = 3});
        UblkChannel channel(*queue);
        return mangrove::lazy::serve(system, source, memory, channel, *take_over(system, memory), Phase::root,
                                     [](const ServedState&) {});
    }

    std::string file = std::string(kSize, '.');
    Transcript transcript;
    FakeSystem system{transcript};
    FakeDownloads downloads{transcript};
    FakeUblkDevices ublk{transcript};
    SharedMemory memory = memory_of(256);
    Source source;
};

TEST_F(UblkServing, AnswersReadsAndRefusesTheRest) {
    ublk.requests.push({.tag = 5, .is_read = true, .offset = kPieceSize - 2, .length = 4});
    ublk.requests.push({.tag = 6, .is_read = false, .offset = 0, .length = 512});
    ublk.requests.push({.tag = 7, .is_read = true, .offset = kSize, .length = 512});
    EXPECT_EQ(serve(), ServingEnd::let_go) << "the device is removed";
    EXPECT_THAT(ublk.answers, ElementsAre("5: .ab.", "6: -1", "7: -22"));
}

TEST_F(UblkServing, EndsWhenTheKernelTakesNoAnswer) {
    ublk.requests.push({.tag = 5, .is_read = true, .offset = 0, .length = 512});
    ublk.requests.push({.tag = 6, .is_read = true, .offset = 0, .length = 512});
    ublk.refusal = EINVAL;
    EXPECT_EQ(serve(), ServingEnd::broken);
}

} // namespace
} // namespace mangrove::lazy
