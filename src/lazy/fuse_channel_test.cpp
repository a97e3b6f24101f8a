#include "lazy/fuse_channel.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fuse.h>

#include "lazy/known_test_file.h"
#include "system/fake/fuse_connections.h"

namespace mangrove::lazy {
namespace {

using testing::ElementsAre;

constexpr uint64_t kSize = 3 * kPieceSize + 512;

/// A request as the kernel writes it; `Body` is what stands behind the head.
template <typename Body>
Bytes request(uint32_t opcode, uint64_t unique, const Body& body) {
    fuse_in_header head = {};
    head.len = sizeof head + sizeof body;
    head.opcode = opcode;
    head.unique = unique;
    Bytes bytes(head.len);
    std::memcpy(bytes.data(), &head, sizeof head);
    std::memcpy(&bytes[sizeof head], &body, sizeof body);
    return bytes;
}
Bytes read_request(uint64_t unique, uint64_t offset, uint32_t size) {
    fuse_read_in body = {};
    body.offset = offset;
    body.size = size;
    return request(FUSE_READ, unique, body);
}

std::string contents() {
    std::string file(kSize, '\0');
    for (size_t at = 0; at < file.size(); ++at)
        file[at] = static_cast<char>(at >> 8 ^ at * 7);
    return file;
}

struct FuseServing : KnownFile, testing::Test {
    FuseServing() : KnownFile(contents()) { system.use(fuse); }
    ServingEnd serve() {
        FuseChannel channel(system, memory.state(), connection, kSize);
        return serve_over(channel);
    }
    /// Each answer as "UNIQUE ERROR LENGTH".
    std::vector<std::string> answers() const {
        std::vector<std::string> shown;
        for (const Bytes& answer : fuse.answers) {
            fuse_out_header head = {};
            std::memcpy(&head, answer.data(), sizeof head);
            EXPECT_EQ(head.len, answer.size());
            shown.push_back(text(head.unique, " ", head.error, " ", answer.size() - sizeof head));
        }
        return shown;
    }
    template <typename Body>
    Body body_of(size_t answer) const {
        Body body = {};
        std::memcpy(&body, &fuse.answers[answer][sizeof(fuse_out_header)], sizeof body);
        return body;
    }
    std::string data_of(size_t answer) const {
        return {fuse.answers[answer].begin() + sizeof(fuse_out_header), fuse.answers[answer].end()};
    }

    FakeFuseConnections fuse{transcript};
    UniqueFd connection;
};

TEST_F(FuseServing, IsOneFileThatIsRead) {
    fuse.requests.push(request(FUSE_INIT, 2, fuse_init_in{}));
    fuse.requests.push(request(FUSE_GETATTR, 4, fuse_getattr_in{}));
    fuse.requests.push(request(FUSE_OPEN, 6, fuse_open_in{}));
    fuse.requests.push(request(FUSE_FLUSH, 8, fuse_flush_in{}));
    fuse.requests.push(request(FUSE_FORGET, 9, fuse_forget_in{}));
    fuse.requests.push(read_request(10, kPieceSize - 512, 1024));
    fuse.requests.push(request(FUSE_STATFS, 12, uint64_t{0}));
    fuse.requests.push(request(FUSE_RELEASE, 14, fuse_release_in{}));
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(answers(),
                ElementsAre(text("2 0 ", sizeof(fuse_init_out)), text("4 0 ", sizeof(fuse_attr_out)),
                            text("6 0 ", sizeof(fuse_open_out)), "8 -38 0", "10 0 1024",
                            text("12 0 ", sizeof(fuse_statfs_out)), "14 0 0"));
    EXPECT_EQ(body_of<fuse_init_out>(0).major, 7U);
    EXPECT_EQ(body_of<fuse_attr_out>(1).attr.size, kSize);
    EXPECT_EQ(body_of<fuse_attr_out>(1).attr.mode, 0100444U) << "as the mount has it";
    EXPECT_EQ(data_of(4), file.substr(kPieceSize - 512, 1024));
}

TEST_F(FuseServing, RefusesWhatIsNoReadOfTheFile) {
    fuse.requests.push(read_request(2, kSize, 512));
    fuse.requests.push(read_request(4, 0, 2 << 20));
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(answers(), ElementsAre("2 -22 0", "4 -22 0"));
}

TEST_F(FuseServing, AnswersWhatAnEarlierProcessHasTaken) {
    // It was killed in the midst of its work.
    std::ranges::copy(read_request(4, 512, 512), memory.state().request.begin());
    memory.state().is_busy = 1;
    EXPECT_FALSE(take_over(system, memory));
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(answers(), ElementsAre("4 0 512"));
    EXPECT_EQ(data_of(0), file.substr(512, 512));
    EXPECT_EQ(memory.state().pending[0].length, 0U);
    // It was killed when it had noted the read.
    fuse.answers.clear();
    std::ranges::copy(read_request(6, 0, 512), memory.state().request.begin());
    memory.state().pending[5] = {.cookie = 6, .offset = 0, .length = 512, .order = 7};
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_THAT(answers(), ElementsAre("6 0 512"));
}

TEST_F(FuseServing, LeavesAnAnswerThatTheKernelDoesNotWaitFor) {
    memory.state().pending[3] = {.cookie = 2, .offset = 0, .length = 512, .order = 1};
    fuse.refusal = ENOENT;
    EXPECT_EQ(serve(), ServingEnd::let_go);
    EXPECT_EQ(memory.state().pending[3].length, 0U);

    memory.state().pending[3] = {.cookie = 8, .offset = 0, .length = 512, .order = 1};
    fuse.refusal = EFAULT;
    EXPECT_EQ(serve(), ServingEnd::broken);
    EXPECT_EQ(memory.state().pending[3].length, 512U) << "the next one answers it";
}

} // namespace
} // namespace mangrove::lazy
