#include "iscsi/chap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mangrove::iscsi {
namespace {

using testing::HasSubstr;
using testing::Not;

const ChapSecrets kOneWay = {"node", "secret-of-the-node", "", ""};
const ChapSecrets kMutual = {"node", "secret-of-the-node", "target", "secret-of-target"};
const std::vector<ChapAlgorithm> kBoth = {ChapAlgorithm::sha256, ChapAlgorithm::md5};

Bytes counting(size_t count) {
    Bytes bytes(count);
    for (size_t i = 0; i < count; ++i)
        bytes[i] = static_cast<uint8_t>(i);
    return bytes;
}

TextKeys challenge(std::string_view algorithm, std::string_view identifier, std::string_view bytes) {
    TextKeys keys;
    keys.add("CHAP_A", algorithm);
    keys.add("CHAP_I", identifier);
    keys.add("CHAP_C", bytes);
    return keys;
}

constexpr std::string_view kChallenge = "0x000102030405060708090a0b0c0d0e0f";
constexpr std::string_view kMd5Answer = "ce9edfb296e3c9aa1266cd79e9f78786";
constexpr std::string_view kSha256Answer = "e4effea45d42286383dcbfb8b1a37d55d7789c0b6d4947f2513875611e6791dd";

TEST(ChapResponse, MatchesKnownAnswers) {
    EXPECT_EQ(hex(chap_response(ChapAlgorithm::md5, 0x27, kOneWay.password, counting(16))), kMd5Answer);
    EXPECT_EQ(hex(chap_response(ChapAlgorithm::sha256, 0x27, kOneWay.password, counting(16))), kSha256Answer);
}

TEST(Chap, OffersSha256First) {
    TextKeys request;
    Chap(kOneWay, kBoth, {}).offer(request);
    EXPECT_EQ(request.value("CHAP_A"), "7,5");
}

TEST(Chap, AnswersInTheHashThatTheTargetChose) {
    for (auto [algorithm, expected] : {std::pair{"5", kMd5Answer}, {"7", kSha256Answer}}) {
        Chap chap(kOneWay, kBoth, {});
        TextKeys request;
        ASSERT_TRUE(chap.answer(challenge(algorithm, "39", kChallenge), request));
        EXPECT_EQ(request.value("CHAP_N"), "node");
        EXPECT_EQ(request.value("CHAP_R"), "0x" + std::string(expected));
        EXPECT_EQ(request.value("CHAP_C"), std::nullopt);
        EXPECT_TRUE(chap.verify({}));
    }
}

TEST(Chap, TakesAChallengeInBase64) {
    Chap chap(kOneWay, kBoth, {});
    TextKeys request;
    ASSERT_TRUE(chap.answer(challenge("5", "39", "0bAAECAwQFBgcICQoLDA0ODw=="), request));
    EXPECT_EQ(request.value("CHAP_R"), "0x" + std::string(kMd5Answer));
}

TEST(Chap, RefusesBadChallengesAndTellsNoSecret) {
    const TextKeys refused[] = {
        {},
        challenge("6", "39", kChallenge),
        challenge("", "39", kChallenge),
        challenge("5,7", "39", kChallenge),
        challenge("5", "256", kChallenge),
        challenge("5", "-1", kChallenge),
        challenge("5", "", kChallenge),
        challenge("5", "39", ""),
        challenge("5", "39", "0x"),
        challenge("5", "39", "plain"),
    };
    for (const TextKeys& keys : refused) {
        Chap chap(kMutual, kBoth, counting(Chap::kRandomSize));
        TextKeys request;
        Result<> result = chap.answer(keys, request);
        ASSERT_FALSE(result);
        EXPECT_THAT(result.error().what, Not(HasSubstr("secret-of")));
        EXPECT_FALSE(result.error().is_transient());
        EXPECT_TRUE(request.empty());
    }
}

TEST(Chap, RefusesItsOwnChallengeBack) {
    Chap chap(kMutual, kBoth, counting(Chap::kRandomSize));
    TextKeys request;
    Bytes own = counting(Chap::kRandomSize);
    own.erase(own.begin());
    EXPECT_FALSE(chap.answer(challenge("5", "39", "0x" + hex(own)), request));
}

class MutualChap : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_TRUE(chap_.answer(challenge("7", "39", kChallenge), request_));
        Bytes challenge_to_target = *parse_binary_value(*request_.value("CHAP_C"));
        auto identifier = static_cast<uint8_t>(*parse_number(*request_.value("CHAP_I")));
        proof_ =
            "0x"
            + hex(chap_response(ChapAlgorithm::sha256, identifier, kMutual.password_in, challenge_to_target));
    }
    Result<> verify(std::string_view name, std::string_view response) {
        TextKeys keys;
        keys.add("CHAP_N", name);
        keys.add("CHAP_R", response);
        return chap_.verify(keys);
    }
    Chap chap_{kMutual, kBoth, counting(Chap::kRandomSize)};
    TextKeys request_;
    std::string proof_;
};

TEST_F(MutualChap, BelievesTheRightProof) {
    EXPECT_TRUE(verify("target", proof_));
}

TEST_F(MutualChap, BelievesNothingElse) {
    std::string changed = proof_;
    changed.back() = changed.back() == '0' ? '1' : '0';
    EXPECT_FALSE(chap_.verify({}));
    EXPECT_FALSE(verify("somebody", proof_));
    EXPECT_FALSE(verify("target", changed));
    EXPECT_FALSE(verify("target", proof_.substr(0, proof_.size() - 2)));
    EXPECT_FALSE(verify("target", proof_ + "00"));
    EXPECT_FALSE(verify("target", ""));
    EXPECT_THAT(verify("target", changed).error().what, Not(HasSubstr("secret-of")));
}

TEST(Chap, ComparesWhole) {
    EXPECT_TRUE(is_equal_in_constant_time(counting(16), counting(16)));
    EXPECT_FALSE(is_equal_in_constant_time(counting(16), counting(15)));
    EXPECT_FALSE(is_equal_in_constant_time(Bytes{1, 2}, Bytes{1, 3}));
    EXPECT_FALSE(is_equal_in_constant_time(Bytes{2, 1}, Bytes{3, 1}));
}

} // namespace
} // namespace mangrove::iscsi
