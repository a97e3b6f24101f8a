#include "trust/envelope.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "definition/encoding.h"
#include "definition/parse.h"

namespace mangrove::trust {
namespace {

const std::string kDefinition =
    "{\"name\": \"x\",\n \"mount\":{\"kind\":\"bind\",\"bind\":{\"path\":\"/\"}}}\n";

std::string problem_of(const std::string& written) {
    Result<Envelope> envelope = open_envelope(written);
    return envelope ? "" : envelope.error().what;
}

TEST(Envelope, HoldsTheDefinitionByteForByte) {
    Envelope closed{.definition = kDefinition, .signature = "AAAA", .additions = R"({"hostname":"n1"})"};
    ASSERT_TRUE(is_envelope(envelope_text(closed)));
    Envelope opened = open_envelope(envelope_text(closed)).value();
    EXPECT_EQ(opened.definition, kDefinition);
    EXPECT_EQ(opened.signature, "AAAA");
    EXPECT_EQ(opened.additions, R"({"hostname":"n1"})");
    std::string encoded = R"({"signed":")" + *definition::encode(kDefinition) + R"(","signature":"AAAA"})";
    EXPECT_EQ(open_envelope(encoded)->definition, kDefinition);
}

TEST(Envelope, IsNotNeeded) {
    EXPECT_FALSE(is_envelope(kDefinition));
    EXPECT_EQ(open_envelope(kDefinition)->definition, kDefinition);
    EXPECT_EQ(open_envelope("{")->definition, "{");
    EXPECT_EQ(with_additions({.definition = kDefinition}).value(), kDefinition);
}

TEST(Envelope, AddsOnlyHarmlessKeysThatTheDefinitionLacks) {
    Envelope envelope{.definition = kDefinition,
                      .additions = R"({"hostname":"n1","release":"r-1","report":{"url":"https://head/r"},)"
                                   R"("health":{"url":"https://head/h"}})"};
    definition::Definition added = definition::parse_definition(*with_additions(envelope)).value();
    EXPECT_EQ(added.hostname, "n1");
    EXPECT_EQ(added.release, "r-1");
    EXPECT_EQ(added.report->url, "https://head/r");
    EXPECT_EQ(added.health->url, "https://head/h");
    envelope.definition = R"({"hostname":"signed",)" + kDefinition.substr(1);
    EXPECT_EQ(definition::parse_definition(*with_additions(envelope))->hostname, "signed");
    for (const char* key : {"mount", "command", "files", "fallback", "name", "nodes", "Hostname"}) {
        envelope.additions = std::string("{\"") + key + "\":\"x\"}";
        EXPECT_EQ(with_additions(envelope).error().what,
                  std::string("node.") + key
                      + ": only hostname, report, health and release may be added to a signed definition; "
                        "sign it with this "
                        "key");
    }
}

TEST(Envelope, ThatIsWrittenWrongIsRefused) {
    EXPECT_EQ(problem_of(R"({"signed":"{}","signatur":"x"})"),
              "envelope: unknown key 'signatur'; did you mean 'signature'?");
    EXPECT_EQ(problem_of(R"({"signed":{},"signature":"x"})"), "envelope: signed: expected a string");
    EXPECT_EQ(problem_of(R"({"signed":"{}","node":"x"})"), "envelope: node: expected an object");
    EXPECT_EQ(problem_of(R"({"signed":"{}","signed":"{}"})"), "envelope: signed: duplicate key");
    EXPECT_EQ(problem_of(R"({"signed":"%","signature":"x"})"),
              "not base64url; it may be truncated: a kernel command line holds 2047 characters");
    EXPECT_NE(problem_of(R"({"signed":"{}"} more)"), "");
}

} // namespace
} // namespace mangrove::trust
