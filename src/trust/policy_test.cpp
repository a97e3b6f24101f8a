#include "trust/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/utc_time.h"
#include "definition/parse.h"
#include "trust/test_keys.h"

namespace mangrove::trust {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::chrono::sys_seconds kNow = *parse_utc("2027-03-01T12:00:00Z");
const std::string kDigest = "sha256:" + std::string(64, 'a');
const std::string kPinned =
    R"({"kind":"uri","uri":{"uri":"http://head/root.squashfs","digest":")" + kDigest + R"("}})";

std::string definition_of(const std::string& mount, const std::string& more = "") {
    return R"({"mount":)" + mount + more + "}";
}

std::vector<std::string> unpinned(const std::string& mount, const std::string& more = "") {
    return unpinned_places(definition::parse_definition(definition_of(mount, more)).value());
}

struct PolicyTest : testing::Test {
    std::vector<std::string> objections(const std::string& text,
                                        const std::optional<NodeNames>& asked = std::nullopt) {
        return judge(policy, definition::parse_definition(text).value(), text, {key.sign(text)}, asked, kNow)
            .objections;
    }

    TestKey key{"ssh-ed25519"};
    Policy policy{.allowed = parse_allowed_signers(key.line())};
    NodeNames names = {"52:54:00:12:34:56", "52:54:00:12:34:57", "f2c626b7-2c0f-41b4-88b8-2edf5cd49a54"};
};

TEST_F(PolicyTest, TakesASignedDefinition) {
    std::string text = definition_of(kPinned, R"(,"serial":7,"valid_until":"2027-03-02",)"
                                              R"("nodes":["52:54:00:12:34:57"])");
    policy.least_serial = 7;
    EXPECT_THAT(objections(text, names), IsEmpty());
    EXPECT_EQ(
        judge(policy, definition::parse_definition(text).value(), text, {"AAAA", key.sign(text)}, names, kNow)
            .signer,
        "alice@example.org")
        << "one of two signatures holds";
}

TEST_F(PolicyTest, RefusesAnUnsignedOne) {
    std::string text = definition_of(kPinned);
    Verdict verdict = judge(policy, definition::parse_definition(text).value(), text, {}, names, kNow);
    EXPECT_EQ(verdict.signer, "");
    EXPECT_THAT(
        verdict.objections,
        ElementsAre(
            "the definition is not signed, and this node boots signed ones only; sign it with mangrovectl "
            "sign"));
}

TEST_F(PolicyTest, RefusesASignatureOfAnotherDefinition) {
    std::string text = definition_of(kPinned);
    Verdict verdict =
        judge(policy, definition::parse_definition(text).value(), text, {key.sign(text + "\n")}, names, kNow);
    EXPECT_THAT(verdict.objections, ElementsAre(HasSubstr("the signature does not fit")));
    verdict = judge(policy, definition::parse_definition(text).value(), text,
                    {TestKey("ssh-ed25519").sign(text)}, names, kNow);
    EXPECT_THAT(verdict.objections, ElementsAre(HasSubstr("is not an allowed signer")));
}

TEST_F(PolicyTest, RefusesAnExpiredOne) {
    EXPECT_THAT(
        objections(definition_of(kPinned, R"(,"valid_until":"2027-03-01")")),
        ElementsAre("valid_until: the definition was valid only until 2027-03-01T00:00:00Z, and it is "
                    "2027-03-01T12:00:00Z; sign one with a later time"));
}

TEST_F(PolicyTest, RefusesAReplayedOne) {
    policy.least_serial = 8;
    EXPECT_THAT(
        objections(definition_of(kPinned, R"(,"serial":7)")),
        ElementsAre(
            "serial: 7 is less than 8, the least that this initramfs takes; use the newest definition"));
    EXPECT_THAT(objections(definition_of(kPinned)), ElementsAre(HasSubstr("serial: 0 is less than 8")));
}

TEST_F(PolicyTest, RefusesTheOneOfAnotherNode) {
    std::string text = definition_of(kPinned, R"(,"nodes":["52:54:00:00:00:01"])");
    EXPECT_THAT(
        objections(text, names),
        ElementsAre("nodes: the definition is for 52:54:00:00:00:01, and this node is 52:54:00:12:34:56, "
                    "52:54:00:12:34:57, f2c626b7-2c0f-41b4-88b8-2edf5cd49a54; sign one for this node"));
    EXPECT_THAT(objections(text, NodeNames()), ElementsAre(HasSubstr("this node is without a name")));
    EXPECT_THAT(objections(text), IsEmpty()) << "no node is asked about";
}

TEST_F(PolicyTest, IsKeptInTheInitramfs) {
    Policy kept = parse_policy(key.line(), policy_text({.built = kNow, .least_serial = 7})).value();
    EXPECT_EQ(kept.built, kNow);
    EXPECT_EQ(kept.least_serial, 7U);
    EXPECT_EQ(kept.allowed.signers.size(), 1U);
    EXPECT_EQ(parse_policy(key.line(), "{").error().what,
              "/etc/mangrove/policy.json is damaged; build the initramfs again");
}

TEST(Pinned, IsWhatHasADigestOrARootHashOrLiesInTheInitramfs) {
    EXPECT_THAT(unpinned(kPinned), IsEmpty());
    EXPECT_THAT(unpinned(R"({"kind":"uri","uri":{"uri":"file:/root.squashfs"}})"), IsEmpty());
    EXPECT_THAT(unpinned(R"({"kind":"bind","bind":{"path":"/sysroot"}})"), IsEmpty());
    EXPECT_THAT(unpinned(R"({"kind":"attach","attach":{"attach":{"kind":"iscsi","iscsi":{"host":"head"}},)"
                         R"("verity":{"root_hash":")"
                         + std::string(64, 'a') + R"("}}})"),
                IsEmpty());
    EXPECT_THAT(unpinned(R"({"kind":"overlay","overlay":{"lower":[)" + kPinned + "," + kPinned + R"(]}})"),
                IsEmpty());
    EXPECT_THAT(
        unpinned(
            R"({"kind":"attach","attach":{"attach":{"kind":"loopback","loopback":{"path":"/x","base":"mount",)"
            R"("mount":)"
            + kPinned + "}}}}"),
        IsEmpty());
}

TEST(Pinned, IsNothingElse) {
    const std::string iscsi =
        R"({"kind":"attach","attach":{"attach":{"kind":"iscsi","iscsi":{"host":"head"}}}})";
    EXPECT_THAT(unpinned(R"({"kind":"uri","uri":{"uri":"https://head/root.squashfs"}})"),
                ElementsAre("mount.uri: is not pinned; add its digest"));
    EXPECT_THAT(
        unpinned(iscsi),
        ElementsAre("mount: the blocks of iscsi are not pinned; add verity, or use uri with a digest"));
    EXPECT_THAT(unpinned(R"({"kind":"nfs","nfs":{"host":"head","path":"/root"}})"),
                ElementsAre("mount: a tree on NFS cannot be pinned; use uri with a digest"));
    EXPECT_THAT(
        unpinned(R"({"kind":"bind","bind":{"path":"a","base":"mount","mount":)" + iscsi + "}}"),
        ElementsAre(
            "mount.bind.mount: the blocks of iscsi are not pinned; add verity, or use uri with a digest"));
    EXPECT_THAT(
        unpinned(R"({"kind":"overlay","overlay":{"lower":[)" + kPinned + "," + iscsi
                 + R"(],"upper":{"mount":)" + iscsi + "}}}"),
        ElementsAre(
            "mount.overlay.lower[1]: the blocks of iscsi are not pinned; add verity, or use uri with a "
            "digest",
            "mount.overlay.upper.mount: an upper that persists cannot be pinned; leave it out, so that it is "
            "in memory"));
    EXPECT_THAT(unpinned(kPinned, R"(,"files":{"url":"https://head/n/live"})"),
                ElementsAre("files: live files cannot be pinned; leave them out"));
    EXPECT_THAT(
        unpinned(kPinned, R"(,"fallback":[{"mount":)" + iscsi + "}]"),
        ElementsAre(
            "fallback[0].mount: the blocks of iscsi are not pinned; add verity, or use uri with a digest"));
}

TEST(Pinned, EachDocumentedSchemeIsJudged) {
    // A kind that is added has to be looked at, too: nothing but loopback in the initramfs is pinned by
    // itself.
    for (const char* attachment :
         {R"({"kind":"rbd","rbd":{"monitors":["m"],"pool":"p","image":"i"}})",
          R"({"kind":"nbd","nbd":{"host":"h","export":"e"}})", R"({"kind":"nvme","nvme":{"host":"h"}})",
          R"({"kind":"local","local":{"label":"l"}})"})
        EXPECT_EQ(unpinned(std::string(R"({"kind":"attach","attach":{"attach":)") + attachment + "}}").size(),
                  1U)
            << attachment;
}

} // namespace
} // namespace mangrove::trust
