#include "iscsi/discovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/byte_order.h"
#include "system/fake/network.h"
#include "system/fake/system.h"

namespace mangrove::iscsi {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

/// A portal that takes every login and tells of its targets.
class FakePortal {
  public:
    std::string offered; ///< ";" for each NUL
    std::string redirect;
    bool pings_first = false;
    std::vector<std::string> heard; ///< the text of each PDU, and "logout"

    Bytes answer(ByteView pdu) {
        if (pdu.size() < kHeaderSize) return {};
        std::string text(pdu.begin() + kHeaderSize, pdu.end());
        switch (pdu[0] & 0x3f) {
        case 0x03:
            heard.push_back(text);
            return redirect.empty() ? packet({0x23, 0x87}, "TargetPortalGroupTag=1;")
                                    : packet({0x23, 0}, "TargetAddress=" + redirect + ";", 1);
        case 0x04: {
            heard.push_back(text);
            Bytes said = pings_first ? packet({0x20, 0x80}, "ping") : Bytes();
            Bytes targets = packet({0x24, 0x80}, offered);
            said.insert(said.end(), targets.begin(), targets.end());
            return said;
        }
        default:
            heard.push_back("logout");
            return {};
        }
    }

  private:
    static Bytes packet(std::pair<uint8_t, uint8_t> begin, std::string text, uint8_t status_class = 0) {
        Bytes bytes(kHeaderSize);
        bytes[0] = begin.first;
        bytes[1] = begin.second;
        store_be32(&bytes[4], static_cast<uint32_t>(text.size()));
        store_be32(&bytes[20], 0xffffffff);
        bytes[36] = status_class;
        bytes[37] = status_class;
        std::ranges::replace(text, ';', '\0');
        bytes.insert(bytes.end(), text.begin(), text.end());
        bytes.resize((bytes.size() + 3) / 4 * 4);
        return bytes;
    }
};

struct Machine {
    Machine() {
        serve("192.0.2.10", portal);
        wanted.initiator = "iqn.2026-11.org.mangrove:node";
        wanted.portals = {{"192.0.2.10", 3260}};
    }
    void serve(const char* address, FakePortal& at) {
        network.listen(*IpAddress::parse(address), 3260, [&at](ByteView heard) { return at.answer(heard); });
    }
    Result<LoginTarget> discover() { return discover_target(system, wanted); }
    std::string error() {
        Result<LoginTarget> found = discover();
        return found ? "no error" : found.error().what;
    }

    Transcript transcript;
    FakeSystem system{transcript};
    FakeNetwork network{system};
    FakePortal portal;
    LoginTarget wanted;
};

TEST(Discovery, FindsTheOnlyTarget) {
    Machine machine;
    machine.portal.offered =
        "TargetName=iqn.a;TargetAddress=198.51.100.1:3260,1;TargetAddress=192.0.2.10:3260,1;";
    Result<LoginTarget> found = machine.discover();
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_EQ(found->target, "iqn.a");
    EXPECT_THAT(found->portals, ElementsAre(Portal{"192.0.2.10", 3260}, Portal{"198.51.100.1", 3260}));
    ASSERT_EQ(machine.portal.heard.size(), 3u);
    EXPECT_THAT(machine.portal.heard[0], HasSubstr("SessionType=Discovery"));
    EXPECT_THAT(machine.portal.heard[0], testing::Not(HasSubstr("TargetName")));
    EXPECT_THAT(machine.portal.heard[0], testing::Not(HasSubstr("MaxBurstLength")));
    EXPECT_THAT(machine.portal.heard[1], HasSubstr("SendTargets=All"));
    EXPECT_EQ(machine.portal.heard[2], "logout");
}

TEST(Discovery, KeepsThePortalOfTheDefinitionForATargetThatIsOfferedElsewhere) {
    Machine machine;
    machine.portal.pings_first = true;
    machine.portal.offered = "TargetName=iqn.a;TargetAddress=198.51.100.1:3260,1;";
    Result<LoginTarget> found = machine.discover();
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_THAT(found->portals, ElementsAre(Portal{"198.51.100.1", 3260}, Portal{"192.0.2.10", 3260}));
}

TEST(Discovery, WantsOneTarget) {
    Machine machine;
    EXPECT_EQ(machine.error(), "looking for targets at 192.0.2.10:3260: it offers no target");
    machine.portal.offered = "TargetName=iqn.a;TargetName=iqn.b;";
    Result<LoginTarget> several = machine.discover();
    ASSERT_FALSE(several);
    EXPECT_EQ(several.error().what,
              "looking for targets at 192.0.2.10:3260: it offers 2 targets; name one in "
              "'target': iqn.a, iqn.b");
    EXPECT_FALSE(several.error().is_transient());
}

TEST(Discovery, TriesThePortalsInTheirOrder) {
    Machine machine;
    machine.portal.offered = "TargetName=iqn.a;";
    machine.wanted.portals = {{"192.0.2.9", 3260}, {"192.0.2.10", 3260}};
    ASSERT_TRUE(machine.discover());
    EXPECT_THAT(machine.transcript.lines(), Contains("connecting to 192.0.2.9:3260"));
    machine.wanted.portals.pop_back();
    Result<LoginTarget> nobody = machine.discover();
    EXPECT_EQ(nobody.error().what,
              "looking for targets at 192.0.2.9:3260: connecting to 192.0.2.9:3260: Connection refused");
    EXPECT_TRUE(nobody.error().is_transient());
}

TEST(Discovery, FollowsARedirectButNotForEver) {
    Machine machine;
    FakePortal other;
    other.offered = "TargetName=iqn.a;";
    machine.serve("192.0.2.20", other);
    machine.portal.redirect = "192.0.2.20:3260";
    EXPECT_EQ(machine.discover().value().target, "iqn.a");
    machine.portal.redirect = "192.0.2.10:3260";
    EXPECT_THAT(machine.error(), HasSubstr("too many redirects, the last to 192.0.2.10:3260"));
}

TEST(Discovery, SaysWhatFailedWhereverItFails) {
    Machine whole;
    whole.portal.offered = "TargetName=iqn.a;";
    ASSERT_TRUE(whole.discover());
    const std::vector<std::string> lines = whole.transcript.lines();
    for (size_t step = 0; step + 1 < lines.size(); ++step) {
        Machine machine;
        machine.portal.offered = "TargetName=iqn.a;";
        machine.transcript.fail_at(step);
        EXPECT_THAT(machine.error(), HasSubstr(lines[step])) << step;
    }
}

} // namespace
} // namespace mangrove::iscsi
