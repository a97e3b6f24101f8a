#include "lazy/ublk_channel.h"

#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lazy/known_test_file.h"
#include "system/fake/ublk_devices.h"

namespace mangrove::lazy {
namespace {

using testing::ElementsAre;

constexpr uint64_t kSize = 3 * kPieceSize;

std::string contents() {
    std::string file(kSize, '.');
    file[kPieceSize - 1] = 'a';
    file[kPieceSize] = 'b';
    return file;
}

struct UblkServing : KnownFile, testing::Test {
    UblkServing() : KnownFile(contents()) {}
    ServingEnd serve() {
        std::unique_ptr<UblkQueue> queue = *ublk.serve({.number = 3});
        UblkChannel channel(*queue);
        return serve_over(channel);
    }

    FakeUblkDevices ublk{transcript};
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
