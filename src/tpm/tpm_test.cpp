#include "tpm/tpm.h"

#include <gtest/gtest.h>

#include "system/fake/system.h"
#include "tpm/endorsement_key.h"
#include "tpm/message.h"
#include "tpm/testing/software_tpm.h"

namespace mangrove::tpm {

namespace {

class TpmTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!tpm_.is_running()) GTEST_SKIP() << "there is no swtpm";
        system_.add_device(kDevice, [&](std::string_view request) { return tpm_.answer(request); });
    }
    /// The handles that are loaded: of objects (0x80…) or sessions (0x02…, 0x03…).
    std::string loaded(uint32_t first) {
        std::string parameters = Writer().u32(1).u32(first).u32(8).text();
        return checked_answer(*tpm_.answer(command(CommandCode(0x17a), {}, {}, parameters))).value_or("?");
    }
    std::string pcr(uint8_t number) {
        std::string selection(3, '\0');
        selection[number / 8] = static_cast<char>(1 << (number % 8));
        std::string parameters = Writer().u32(1).u16(0x000b).u8(3).bytes(selection).text();
        std::string answer = *checked_answer(*tpm_.answer(command(CommandCode(0x17e), {}, {}, parameters)));
        return answer.substr(answer.size() - 32);
    }

    SoftwareTpm tpm_;
    Transcript transcript_;
    FakeSystem system_{transcript_};
};

} // namespace

TEST_F(TpmTest, TheEndorsementKeyIsTheSameEachTime) {
    std::string first = Session::open(system_)->endorsement_key();
    EXPECT_EQ(Session::open(system_)->endorsement_key(), first);
    EXPECT_TRUE(endorsement_point(first));
    SoftwareTpm other;
    FakeSystem machine(transcript_);
    machine.add_device(kDevice, [&](std::string_view request) { return other.answer(request); });
    EXPECT_NE(Session::open(machine)->endorsement_key(), first);
}

TEST_F(TpmTest, NothingStaysInTheTpm) {
    std::string objects = loaded(0x80000000), sessions = loaded(0x03000000);
    {
        Result<Session> session = Session::open(system_);
        ASSERT_TRUE(session);
        EXPECT_NE(loaded(0x80000000), objects);
        EXPECT_FALSE(session->decrypt({"x", "y"}));
    }
    EXPECT_EQ(loaded(0x80000000), objects);
    EXPECT_EQ(loaded(0x03000000), sessions);
}

TEST_F(TpmTest, APcrIsExtended) {
    ASSERT_TRUE(extend_pcr(system_, 12, std::string(32, 'd')));
    // SHA-256 of 32 zeros and 32 times 'd'
    EXPECT_EQ(hex(as_bytes(pcr(12))), "3062a8304c16210f9409bf2782d88ff73c57a17cb0041889862e668f04212ba2");
}

TEST_F(TpmTest, ARefusalNamesTheCodeOfTheTpm) {
    Result<> extended = extend_pcr(system_, 99, std::string(32, 'd'));
    ASSERT_FALSE(extended);
    EXPECT_EQ(describe(extended.error()), "the TPM answered with the error 0x00000184");
}

TEST(Tpm, ACommandIsWrittenAsTheTpmReadsIt) {
    EXPECT_EQ(hex(as_bytes(command(CommandCode::flush_context, {}, {}, Writer().u32(0x80000001).text()))),
              "8001"
              "0000000e"
              "00000165"
              "80000001");
    EXPECT_EQ(hex(as_bytes(command(CommandCode::pcr_extend, Writer().u32(12).text(), empty_password(), "d"))),
              "8002"
              "0000001c"
              "00000182"
              "0000000c"
              "00000009"
              "40000009"
              "0000"
              "00"
              "0000"
              "64");
}

TEST(Tpm, AnAnswerThatIsCutShortIsRefused) {
    Transcript transcript;
    FakeSystem system(transcript);
    std::string whole = Writer().u16(0x8002).u32(24).u32(0).u32(0x80000000).u32(4).sized("abcd").text();
    for (size_t size = 0; size < whole.size(); ++size) {
        system.add_device(kDevice, [&](std::string_view) { return whole.substr(0, size); });
        EXPECT_FALSE(Session::open(system)) << size;
    }
}

TEST(Tpm, AKeyThatNeedsNoTpmIsNoEndorsementKey) {
    std::string key = endorsement_template();
    ASSERT_TRUE(endorsement_point(key));
    for (size_t at = 0; at < key.size() - 68; ++at) {
        std::string other = key;
        other[at] ^= 1;
        EXPECT_FALSE(endorsement_point(other)) << at;
    }
    EXPECT_FALSE(endorsement_point(key + "x"));
    EXPECT_FALSE(endorsement_point(key.substr(0, key.size() - 1)));
    EXPECT_FALSE(endorsement_point(""));
}

} // namespace mangrove::tpm
