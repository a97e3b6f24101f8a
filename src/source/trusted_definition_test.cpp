#include "source/trusted_definition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "base/log.h"
#include "base/utc_time.h"
#include "net/dhcp_test_messages.h"
#include "source/testing/search.h"
#include "trust/node_files.h"
#include "trust/test_signature.h"

namespace mangrove {
namespace {

using testing::HasSubstr;
using trust::kSignature;
using trust::kSignedDefinition;

struct TrustedDefinition : SearchTest {
    TrustedDefinition() {
        system.use(downloads);
        network.add_card("eth0", kTestMac);
        system.add_file(trust::kSignersPath, trust::kSignerLine);
        system.add_file(trust::kPolicyPath, trust::policy_text({}));
        set_log_sink([this](LogLevel, std::string_view line) { log += std::string(line) + "\n"; });
    }
    ~TrustedDefinition() override {
        set_log_sink([](LogLevel, std::string_view) {});
    }

    /// Why the definition is refused; empty: it is taken.
    std::string refusal(Found found, const std::string& arguments = "") {
        command_line = KernelCommandLine::parse(arguments);
        search.policy = read_policy(system).value();
        Result<definition::Definition> taken = trusted_definition(search, found);
        return taken ? "" : describe(taken.error());
    }

    std::string log;
};

TEST_F(TrustedDefinition, IsSignedOnTheCommandLine) {
    std::string argument = "mangrove.signature=" + trust::one_line(kSignature);
    EXPECT_EQ(refusal({kSignedDefinition, "x"}, argument), "");
    EXPECT_THAT(log, HasSubstr("the definition is signed by alice"));
    EXPECT_EQ(refusal({kSignedDefinition, "x"}, "mangrove.signature=AAAA " + argument), "");
    EXPECT_THAT(refusal({kSignedDefinition + " ", "x"}, argument), HasSubstr("the signature does not fit"));
}

TEST_F(TrustedDefinition, IsSignedInAnEnvelope) {
    trust::Envelope envelope{
        .definition = kSignedDefinition, .signature = kSignature, .additions = R"({"hostname":"n007"})"};
    Found found{trust::envelope_text(envelope), "option 224"};
    search.policy = read_policy(system).value();
    EXPECT_EQ(trusted_definition(search, found)->hostname, "n007");
    EXPECT_THAT(found.text, HasSubstr(R"({"name":"signed",)"));
    envelope.additions = R"({"command":"/bin/sh"})";
    EXPECT_THAT(refusal({trust::envelope_text(envelope), "x"}), HasSubstr("node.command: only hostname"));
    envelope = {.definition = kSignedDefinition, .signature = "AAAA"};
    EXPECT_THAT(
        refusal({trust::envelope_text(envelope), "x"}, "mangrove.signature=" + trust::one_line(kSignature)),
        HasSubstr("is not one of ssh-keygen -Y sign"))
        << "its own signature counts";
}

TEST_F(TrustedDefinition, HasTheFilesOfThisNodeAlone) {
    system.remove(trust::kSignersPath);
    trust::FilesTree tree({{kTestMac.to_text(), {std::string(64, 'a')}}, {"52:54:00:00:00:99", {}}});
    Json definition(cJSON_Parse(
        R"({"mount":{"kind":"overlay","overlay":{"lower":[{"kind":"bind","bind":{"path":"/"}}]}}})"));
    cJSON_AddStringToObject(definition.get(), trust::kNodeFiles, tree.root().c_str());
    auto found_of = [&](const std::string& node) {
        Json own = make_json_object();
        cJSON_AddItemToObject(own.get(), trust::kOwnFiles,
                              tree.own_files(node, "https://h/{digest}.tar").release());
        return Found{
            trust::envelope_text({.definition = print_json(definition), .additions = print_json(own)}), "x"};
    };
    Found found = found_of(kTestMac.to_text());
    ASSERT_TRUE(trusted_definition(search, found));
    EXPECT_THAT(found.text,
                testing::StartsWith(R"({"mount":{"kind":"overlay","overlay":{"lower":[{"kind":"uri",)"));
    EXPECT_THAT(found.text, testing::EndsWith(R"({"kind":"bind","bind":{"path":"/"}}]}}})"));
    EXPECT_THAT(refusal(found_of("52:54:00:00:00:99")),
                HasSubstr("not those that were signed for this node"));
}

TEST_F(TrustedDefinition, IsSignedBesideTheFile) {
    system.add_file("/a.json", kSignedDefinition);
    EXPECT_THAT(refusal(find_definition(search, "file:/a.json").value()),
                HasSubstr("the definition is not signed"));
    system.add_file("/a.json.sig", kSignature);
    EXPECT_EQ(refusal(find_definition(search, "file:/a.json").value()), "");
}

TEST_F(TrustedDefinition, IsSignedBesideTheUrl) {
    search.policy = read_policy(system).value();
    search.boot.network.emplace();
    const std::string url = "http://192.0.2.1/a.json?node=n1";
    downloads.serve(url, {.body = kSignedDefinition});
    EXPECT_EQ(find_definition(search, url).error().what,
              "http://192.0.2.1/a.json.sig: the server answered 404 (not found); this node boots signed "
              "definitions only: "
              "put the signature beside the definition");
    downloads.serve("http://192.0.2.1/a.json.sig?node=n1", {.head = {.status = 500}});
    EXPECT_TRUE(find_definition(search, url).error().is_transient());
    FakeDownloads others{transcript};
    system.use(others);
    others.serve(url, {.body = kSignedDefinition});
    others.serve("http://192.0.2.1/a.json.sig?node=n1", {.body = kSignature});
    EXPECT_EQ(refusal(find_definition(search, url).value()), "");
}

TEST_F(TrustedDefinition, InAnEnvelopeNeedsNoSecondRequest) {
    search.policy = read_policy(system).value();
    search.boot.network.emplace();
    const std::string url = "http://192.0.2.1/n/definition";
    downloads.serve(
        url, {.body = trust::envelope_text({.definition = kSignedDefinition, .signature = kSignature})});
    EXPECT_EQ(refusal(find_definition(search, url).value()), "");
    EXPECT_EQ(downloads.requests.size(), 1U);
}

TEST_F(TrustedDefinition, WithoutSignersIsTakenUnsigned) {
    trust::Envelope envelope{.definition = kSignedDefinition, .signature = "damaged", .additions = {}};
    Found found{trust::envelope_text(envelope), "x"};
    EXPECT_EQ(trusted_definition(search, found)->name, "signed");
    Found plain{R"({"mount":{"kind":"nfs","nfs":{"host":"head","path":"/root"}}})", "x"};
    EXPECT_TRUE(trusted_definition(search, plain));
}

TEST_F(TrustedDefinition, IsJudgedAsThePolicySays) {
    system.add_file(trust::kPolicyPath, trust::policy_text({.built = {}, .least_serial = 7}));
    Found found{.text = kSignedDefinition, .origin = "x", .readers = {}, .signature = kSignature};
    EXPECT_THAT(refusal(found), HasSubstr("serial: 0 is less than 7"));
    system.add_file(trust::kPolicyPath, "");
    EXPECT_FALSE(read_policy(system)) << "a damaged policy is no policy that takes everything";
    system.remove(trust::kPolicyPath);
    EXPECT_FALSE(read_policy(system));
    system.add_file(trust::kSignersPath, "# nobody\nalice ssh-rsa AAAA\n");
    system.add_file(trust::kPolicyPath, trust::policy_text({}));
    EXPECT_THAT(refusal(found), HasSubstr("is not an allowed signer"));
    EXPECT_THAT(
        log,
        HasSubstr(
            "/etc/mangrove/allowed_signers: line 2: the key is truncated; copy the whole of it, ignoring "
            "this line"));
}

TEST_F(TrustedDefinition, WithAClockThatLostItsTimeIsJudgedByTheDateOfTheInitramfs) {
    system.lose_wall_clock();
    system.add_file(trust::kPolicyPath,
                    trust::policy_text({.built = *parse_utc("2027-03-01"), .least_serial = 0}));
    Found found{.text = kSignedDefinition, .origin = "x", .readers = {}, .signature = kSignature};
    system.add_file(trust::kSignersPath, "alice valid-before=\"20270301\"" + trust::kSignerLine.substr(5));
    EXPECT_THAT(refusal(found),
                HasSubstr("was valid only before 2027-03-01T00:00:00Z, and it is 2027-03-01T00:00:00Z"));
    EXPECT_THAT(
        log,
        HasSubstr(
            "the clock of this machine says 1970-01-01T00:00:00Z, which is before its initramfs was built; "
            "taking 2027-03-01T00:00:00Z for the time"));
    system.add_file(trust::kSignersPath, "alice valid-before=\"20270302\"" + trust::kSignerLine.substr(5));
    EXPECT_EQ(refusal(found), "");
}

} // namespace
} // namespace mangrove
