#include "iscsi/send_targets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/byte_order.h"

namespace mangrove::iscsi {
namespace {

using testing::HasSubstr;

constexpr uint8_t kFinal = 0x80;
constexpr uint8_t kContinue = 0x40;

/// A text response, with ";" for each NUL.
Pdu response(std::string text, uint8_t flags = kFinal, uint32_t transfer_tag = 0xffffffff) {
    std::ranges::replace(text, ';', '\0');
    Pdu pdu = {Bytes(kHeaderSize), Bytes(text.begin(), text.end())};
    pdu.header[0] = 0x24;
    pdu.header[1] = flags;
    store_be32(&pdu.header[20], transfer_tag);
    store_be32(&pdu.header[24], 41);
    return pdu;
}

std::vector<OfferedTarget> targets_in(const std::string& text) {
    SendTargets question(1);
    question.start();
    auto step = question.answer(response(text));
    EXPECT_TRUE(step) << describe(step.error());
    return std::get<std::vector<OfferedTarget>>(*step);
}

std::string error_of(const Pdu& pdu) {
    SendTargets question(1);
    question.start();
    auto step = question.answer(pdu);
    return step ? "no error" : step.error().what;
}

TEST(SendTargets, AsksForAll) {
    Pdu pdu = SendTargets(7).start();
    EXPECT_EQ(pdu.header[0], 0x04);
    EXPECT_EQ(pdu.header[1], kFinal);
    EXPECT_EQ(load_be32(&pdu.header[4]), 16u);
    EXPECT_EQ(load_be32(&pdu.header[20]), 0xffffffffu);
    EXPECT_EQ(load_be32(&pdu.header[28]), 7u);
    EXPECT_EQ(std::string(pdu.data.begin(), pdu.data.end()), std::string("SendTargets=All\0", 16));
}

TEST(SendTargets, ReadsTargetsWithTheirPortals) {
    EXPECT_TRUE(targets_in("").empty());
    std::vector<OfferedTarget> expected = {
        {"iqn.a", {{"192.0.2.1", 3260}, {"2001:db8::1", 3261}}}, {"iqn.b", {}}, {"iqn.c", {{"host", 3260}}}};
    EXPECT_EQ(targets_in("TargetName=iqn.a;TargetAddress=192.0.2.1:3260,1;TargetAddress=[2001:db8::1]:3261,2;"
                         "TargetName=iqn.b;TargetAddress=:::;TargetName=iqn.c;TargetAlias=x;"
                         "TargetAddress=host,1;;;"),
              expected);
}

TEST(SendTargets, PutsAListInPartsTogether) {
    SendTargets question(1);
    question.start();
    auto first = question.answer(response("TargetName=iq", kContinue, 99));
    ASSERT_TRUE(first);
    const Pdu& next = std::get<Pdu>(*first);
    EXPECT_EQ(load_be32(&next.header[20]), 99u);
    EXPECT_EQ(load_be32(&next.header[24]), 1u);
    EXPECT_EQ(load_be32(&next.header[28]), 42u);
    EXPECT_TRUE(next.data.empty());
    auto last = question.answer(response("n.a;"));
    ASSERT_TRUE(last) << describe(last.error());
    EXPECT_EQ(std::get<std::vector<OfferedTarget>>(*last), (std::vector<OfferedTarget>{{"iqn.a", {}}}));
}

TEST(SendTargets, SaysWhatIsWrong) {
    Pdu rejected = response("");
    rejected.header[0] = 0x3f;
    rejected.header[2] = 4;
    EXPECT_EQ(error_of(rejected), "the target rejected SendTargets, reason 4");
    Pdu other = response("");
    other.header[0] = 0x23;
    EXPECT_EQ(error_of(other), "the target answered SendTargets with a PDU of opcode 35");
    EXPECT_EQ(error_of({{}, {}}), "the target sent a PDU without a header");
    EXPECT_EQ(error_of(response("TargetAddress=192.0.2.1;")), "the target lists an address before any name");
    EXPECT_EQ(error_of(response("TargetName=a\x1b[2J;")), "the target lists an invalid name: 'a?[2J'");
    EXPECT_THAT(error_of(response("TargetName=a")), HasSubstr("is not terminated"));
    EXPECT_EQ(error_of(response("TargetName=a", 0)), "the target's list of targets is truncated");
}

TEST(SendTargets, DoesNotGoOnWithoutEnd) {
    SendTargets question(1);
    question.start();
    for (int i = 0; i < 1000; ++i)
        ASSERT_TRUE(question.answer(response("", 0, 1)));
    EXPECT_THAT(question.answer(response("", 0, 1)).error().what, HasSubstr("list of targets is too long"));
    SendTargets another(1);
    another.start();
    EXPECT_THAT(another.answer(response(std::string((1 << 20) + 1, 'x'))).error().what,
                HasSubstr("list of targets is too long"));
}

} // namespace
} // namespace mangrove::iscsi
