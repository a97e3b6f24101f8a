#include "trust/check_command.h"

#include <cstdlib>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/stage.h"
#include "base/whole_file.h"
#include "trust/test_signature.h"

namespace mangrove::trust {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct CheckCommand : testing::Test {
    CheckCommand() {
        char name[] = "/tmp/mangrove-check-XXXXXX";
        stage.path = ::mkdtemp(name);
        write("a.json", kSignedDefinition);
        write("signers", kSignerLine);
    }
    void write(const std::string& name, const std::string& contents) {
        ASSERT_TRUE(write_file(stage.path / name, contents));
    }
    std::string path(const std::string& name) const { return (stage.path / name).native(); }
    Result<Checked> check(const std::string& name = "a.json") {
        return check_file({.file = path(name), .signers = path("signers")});
    }

    Stage stage;
};

TEST_F(CheckCommand, FindsTheSignatureBesideTheDefinitionOrInTheEnvelope) {
    EXPECT_THAT(check()->verdict.objections, ElementsAre(HasSubstr("the definition is not signed")));
    write("a.json.sig", kSignature);
    EXPECT_THAT(check()->verdict.objections, IsEmpty());
    EXPECT_EQ(check()->verdict.signer, "alice");
    write("envelope", envelope_text({.definition = kSignedDefinition, .signature = kSignature}));
    EXPECT_THAT(check("envelope")->verdict.objections, IsEmpty());
    EXPECT_EQ(run_check({"--signers", path("signers"), path("a.json")}), 0);
    EXPECT_EQ(run_check({"--signers", path("signers"), "--signature", path("a.json.sig"), path("a.json")}),
              0);
    EXPECT_EQ(run_check({"--signers", path("signers"), "--least-serial", "1", path("a.json")}), 1);
}

TEST_F(CheckCommand, NeedsNoSigners) {
    EXPECT_EQ(run_check({path("a.json")}), 0);
    write("envelope", envelope_text({.definition = kSignedDefinition, .signature = kSignature}));
    EXPECT_EQ(run_check({path("envelope")}), 0);
    EXPECT_EQ(run_check({}), 2);
    EXPECT_EQ(run_check({"--least-serial", "x", path("a.json")}), 2);
    EXPECT_EQ(run_check({path("missing")}), 1);
}

TEST_F(CheckCommand, NamesALineThatIsNoSigner) {
    write("signers", kSignerLine + "ca cert-authority " + kSignerLine.substr(6));
    EXPECT_EQ(check().error().what,
              path("signers")
                  + ": line 2: certificate authorities (cert-authority) are not supported; list each "
                    "key");
}

} // namespace
} // namespace mangrove::trust
