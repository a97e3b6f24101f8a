#include "trust/allowed_signers.h"

#include <gtest/gtest.h>

#include "base/utc_time.h"
#include "trust/test_keys.h"

namespace mangrove::trust {
namespace {

using std::chrono::sys_seconds;

const sys_seconds kNow = *parse_utc("2027-03-01T12:00:00Z");

struct AllowedSignersTest : testing::Test {
    /// The principals that may sign with the key under this line, or why nobody may.
    std::string signer(const std::string& before, sys_seconds now = kNow) const {
        AllowedSigners allowed = parse_allowed_signers(key.line(before));
        if (!allowed.problems.empty()) return allowed.problems[0];
        Result<std::string> found = find_signer(allowed, *parse_public_key(as_bytes(key.blob())), now);
        return found ? *found : found.error().what;
    }

    TestKey key{"ssh-ed25519"};
};

TEST_F(AllowedSignersTest, AreReadAsSshKeygenReadsThem) {
    EXPECT_EQ(signer("alice@example.org"), "alice@example.org");
    EXPECT_EQ(signer("*@example.org,bob"), "*@example.org,bob");
    EXPECT_EQ(signer("\"alice smith\""), "alice smith");
    for (const char* options :
         {"namespaces=\"mangrove\"", "namespaces=\"git,mangrove\"", "NAMESPACES=\"man*\"",
          "namespaces=\"m?ngrove\"", "valid-after=\"20270101\"",
          "valid-before=\"20280101Z\",namespaces=\"mangrove,git\"", "valid-after=\"202703011200Z\"",
          "valid-after=\"20270301115959\",valid-before=\"202703011201\""})
        EXPECT_EQ(signer(std::string("alice ") + options), "alice") << options;
}

TEST_F(AllowedSignersTest, SignForTheirNamespacesOnly) {
    for (const char* namespaces : {"git", "mangrove2", "m", "!mangrove,*", "git,file"})
        EXPECT_EQ(signer(std::string("alice namespaces=\"") + namespaces + "\""),
                  "the key of alice may not sign for the namespace 'mangrove'; sign with another key, or "
                  "change namespaces= "
                  "in the file of allowed signers")
            << namespaces;
}

TEST_F(AllowedSignersTest, SignAtTheirTimeOnly) {
    EXPECT_EQ(signer("alice valid-before=\"20270301\""),
              "the key of alice was valid only before 2027-03-01T00:00:00Z, and it is 2027-03-01T12:00:00Z; "
              "sign with "
              "another key");
    EXPECT_EQ(signer("alice valid-after=\"20270302Z\""),
              "the key of alice is valid only after 2027-03-02T00:00:00Z, and it is 2027-03-01T12:00:00Z; "
              "sign with "
              "another key, or set the clock of the node");
}

TEST_F(AllowedSignersTest, KeyChangesFromOneToTheOther) {
    TestKey next("ecdsa-sha2-nistp256");
    AllowedSigners both =
        parse_allowed_signers(key.line("old valid-before=\"20280101\"") + "# from 2027 on\n\n"
                              + next.line("new valid-after=\"20270101\""));
    EXPECT_EQ(find_signer(both, *parse_public_key(as_bytes(key.blob())), kNow).value(), "old");
    EXPECT_EQ(find_signer(both, *parse_public_key(as_bytes(next.blob())), kNow).value(), "new");
    AllowedSigners after = parse_allowed_signers(next.line("new"));
    std::string refused = find_signer(after, *parse_public_key(as_bytes(key.blob())), kNow).error().what;
    EXPECT_TRUE(refused.ends_with(
        "(ssh-ed25519) is not an allowed signer; sign with one that is, or add it to the file of "
        "allowed signers and build the initramfs again"))
        << refused;
}

TEST_F(AllowedSignersTest, MayHaveSeveralLinesForOneKey) {
    AllowedSigners allowed = parse_allowed_signers(key.line("a valid-before=\"2020\"")
                                                   + key.line("b valid-before=\"20200101\"") + key.line("c"));
    EXPECT_EQ(allowed.problems.size(), 1U);
    EXPECT_EQ(find_signer(allowed, *parse_public_key(as_bytes(key.blob())), kNow).value(), "c");
}

TEST_F(AllowedSignersTest, LinesThatMakeNoSenseAreNamed) {
    EXPECT_EQ(signer("ca cert-authority"),
              "line 1: certificate authorities (cert-authority) are not supported; list each key");
    EXPECT_EQ(signer("ca cert-authority,namespaces=\"mangrove\""),
              "line 1: certificate authorities (cert-authority) are not supported; list each key");
    EXPECT_EQ(signer("alice valid-untl=\"20270101\""), "line 1: unknown option 'valid-untl'");
    EXPECT_EQ(signer("alice valid_before=\"20270101\""),
              "line 1: unknown option 'valid_before'; did you mean 'valid-before'?");
    EXPECT_EQ(signer("alice namespaces=\"\""), "line 1: namespaces is empty");
    EXPECT_EQ(signer("alice valid-after=\"2027-01-01\""),
              "line 1: valid-after: '2027-01-01' is not a time; write it like 20270301Z or 202703011200Z");
    auto problem_of = [](const std::string& line) {
        AllowedSigners allowed = parse_allowed_signers("# a comment\n" + line);
        return allowed.problems.size() == 1 && allowed.signers.empty() ? allowed.problems[0] : "";
    };
    EXPECT_EQ(problem_of("alice"),
              "line 2: expected PRINCIPALS [OPTIONS] TYPE KEY, as ssh-keygen(1) has it under ALLOWED "
              "SIGNERS");
    EXPECT_EQ(problem_of("alice ssh-ed25519 %%%"), "line 2: the key is not base64; copy it again");
    EXPECT_EQ(problem_of("alice ssh-ed25519 AAAA"), "line 2: the key is truncated; copy the whole of it");
    EXPECT_EQ(problem_of("alice ssh-rsa "
                         + definition::to_base64(as_bytes(WireWriter().string("ssh-rsa").written))),
              "line 2: keys of the type 'ssh-rsa' are not supported; use ssh-ed25519, ecdsa-sha2-nistp256 or "
              "the sk- form of "
              "one of them");
    std::string other = TestKey("ssh-ed25519").line();
    EXPECT_EQ(problem_of(other.replace(other.find("ssh-ed25519"), 11, "ecdsa-sha2-nistp256")),
              "line 2: the key is one of the type ssh-ed25519, not ecdsa-sha2-nistp256");
}

} // namespace
} // namespace mangrove::trust
