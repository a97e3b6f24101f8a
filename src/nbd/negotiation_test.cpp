#include "nbd/negotiation.h"

#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mangrove::nbd {
namespace {

using testing::HasSubstr;

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}
Bytes number(uint64_t value, int size) {
    Bytes out;
    for (int shift = (size - 1) * 8; shift >= 0; shift -= 8)
        out.push_back(static_cast<uint8_t>(value >> shift));
    return out;
}
Bytes words(std::string_view text) {
    return Bytes(text.begin(), text.end());
}
Bytes greeting(uint16_t flags) {
    return words("NBDMAGICIHAVEOPT") + number(flags, 2);
}
Bytes reply(uint32_t option, uint32_t type, const Bytes& data = {}) {
    return number(0x0003e889045565a9, 8) + number(option, 4) + number(type, 4) + number(data.size(), 4)
           + data;
}
Bytes size_information(uint64_t size, uint16_t flags) {
    return reply(7, 3, number(0, 2) + number(size, 8) + number(flags, 2));
}
const Bytes kAcknowledged = reply(7, 1);

/// A server that has written all it will say.
class Recording : public Stream {
  public:
    enum class End { closes, is_silent };
    explicit Recording(Bytes said, End end = End::closes)
        : said_(std::move(said)), closes_(end == End::closes) {}
    Result<Bytes> read(size_t count) override {
        if (said_.size() - at_ < count)
            return std::unexpected(
                Error{"the server closed the connection", Permanence::transient, closes_ ? ECONNRESET : 0});
        at_ += count;
        return Bytes(&said_[at_ - count], &said_[at_]);
    }
    Result<> write(ByteView bytes) override {
        heard.insert(heard.end(), bytes.begin(), bytes.end());
        return {};
    }
    Bytes heard;

  private:
    Bytes said_;
    bool closes_;
    size_t at_ = 0;
};

std::string error_of(const Bytes& said) {
    Recording server(said + Bytes(1, 0));
    Result<Export> found = negotiate(server, "root");
    return found ? "no error" : describe(found.error());
}

TEST(NbdNegotiation, GoesAndTakesTheServersWords) {
    Recording server(greeting(3) + size_information(1 << 20, 0x103)
                     + reply(7, 3, number(3, 2) + number(512, 4) + number(8192, 4) + number(65536, 4))
                     + kAcknowledged);
    Result<Export> found = negotiate(server, "root");
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_EQ(found->size, 1u << 20);
    EXPECT_TRUE(found->is_read_only());
    EXPECT_TRUE(found->takes_several_connections());
    EXPECT_EQ(found->minimum_block, 512u);
    EXPECT_EQ(found->preferred_block, 8192u);
    EXPECT_EQ(found->maximum_request, 65536u);
    EXPECT_EQ(server.heard, number(3, 4) + words("IHAVEOPT") + number(7, 4) + number(12, 4) + number(4, 4)
                                + words("root") + number(1, 2) + number(3, 2));
}

TEST(NbdNegotiation, FallsBackToTheNameForAnOldServer) {
    Bytes export_of_old = number(4096, 8) + number(3, 2);
    Recording without_go(greeting(3) + reply(7, 0x80000001) + export_of_old);
    EXPECT_EQ(negotiate(without_go, "root").value().size, 4096u);
    Recording with_zeroes(greeting(1) + reply(7, 0x80000001) + export_of_old + Bytes(124, 0));
    EXPECT_EQ(negotiate(with_zeroes, "root").value().flags, 3);
    Recording not_fixed(greeting(0) + export_of_old + Bytes(124, 0));
    ASSERT_TRUE(negotiate(not_fixed, "root"));
    EXPECT_EQ(not_fixed.heard,
              number(0, 4) + words("IHAVEOPT") + number(1, 4) + number(4, 4) + words("root"));
}

TEST(NbdNegotiation, AnOldServerThatClosesRefusesTheName) {
    for (const Bytes& said : {greeting(0), greeting(3) + reply(7, 0x80000001)}) {
        Recording closing(said);
        Result<Export> refused = negotiate(closing, "root");
        ASSERT_FALSE(refused);
        EXPECT_FALSE(refused.error().is_transient());
        EXPECT_THAT(describe(refused.error()), HasSubstr("the server has no export 'root'"));
        Recording silent(said, Recording::End::is_silent);
        EXPECT_TRUE(negotiate(silent, "root").error().is_transient());
    }
    Recording leaving(greeting(3));
    EXPECT_TRUE(negotiate(leaving, "root").error().is_transient());
}

TEST(NbdNegotiation, SaysWhatIsWrong) {
    Bytes list = reply(3, 2, number(1, 4) + words("a"))
                 + reply(3, 2,
                         number(3, 4)
                             + words("b\x1b"
                                     "c"))
                 + reply(3, 1);
    EXPECT_EQ(error_of(greeting(3) + reply(7, 0x80000006) + list),
              "the server has no export 'root'; it has 'a', 'b?c'");
    EXPECT_EQ(error_of(greeting(3) + reply(7, 0x80000006) + reply(3, 0x80000002)),
              "the server has no export 'root'; it lists none");
    EXPECT_THAT(error_of(greeting(3) + reply(7, 0x80000005)), HasSubstr("the server requires TLS"));
    EXPECT_THAT(error_of(greeting(3) + reply(7, 0x80000002, words("go away"))),
                HasSubstr("does not allow this node: go away"));
    EXPECT_THAT(error_of(greeting(3) + reply(7, 0x80000063)), HasSubstr("(error 99)"));
    EXPECT_THAT(error_of(greeting(3) + kAcknowledged), HasSubstr("did not send the size"));
    EXPECT_THAT(error_of(greeting(3) + size_information(0, 1) + kAcknowledged), HasSubstr("is empty"));
    EXPECT_THAT(error_of(greeting(3) + reply(7, 3, number(0, 2))), HasSubstr("truncated"));
    EXPECT_THAT(error_of(greeting(3) + reply(8, 1)), HasSubstr("that was not requested"));
    EXPECT_THAT(error_of(words("SSH-2.0-OpenSSH_9.2p1")), HasSubstr("not an NBD server"));
    EXPECT_THAT(error_of(words("NBDMAGIC") + number(0x00420281861253, 8) + number(0, 2)),
                HasSubstr("before 2010"));
    EXPECT_THAT(error_of(words("NBD")), HasSubstr("while waiting for the server's greeting"));
    Bytes endless = greeting(3);
    for (int i = 0; i < 1001; ++i)
        endless = endless + reply(7, 3, number(9, 2));
    EXPECT_THAT(error_of(endless), HasSubstr("too many replies"));
}

} // namespace
} // namespace mangrove::nbd
