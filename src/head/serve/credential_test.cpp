#include "head/serve/credential.h"

#include <gtest/gtest.h>

#include "definition/base64.h"
#include "head/host/json.h"
#include "system/fake/system.h"
#include "tpm/endorsement_key.h"
#include "tpm/testing/software_tpm.h"
#include "tpm/tpm.h"
#include "trust/sealed.h"

namespace mangrove::head {

namespace {

/// A machine with a TPM of its own.
struct Machine {
    tpm::SoftwareTpm chip;
    Transcript transcript;
    FakeSystem system{transcript};

    Machine() {
        system.add_device(tpm::kDevice, [this](std::string_view request) { return chip.answer(request); });
    }
};

TpmKeys keys_of(const tpm::Session& session) {
    return {session.endorsement_key(), session.named_key()};
}

class CredentialTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!node_.chip.is_running()) GTEST_SKIP() << "there is no swtpm";
    }
    Machine node_;
    Machine other_;
};

} // namespace

TEST_F(CredentialTest, OnlyItsTpmDecryptsIt) {
    Result<tpm::Session> session = tpm::Session::open(node_.system);
    Result<tpm::Session> of_other = tpm::Session::open(other_.system);
    ASSERT_TRUE(session && of_other);
    std::string secret(32, 's');
    for (int i = 0; i < 20; ++i) {
        Result<Credential> made = make_credential(keys_of(*session), secret);
        ASSERT_TRUE(made);
        tpm::Credential credential{made->blob, made->secret};
        Result<std::string> decrypted = session->decrypt(credential);
        ASSERT_TRUE(decrypted) << describe(decrypted.error());
        EXPECT_EQ(*decrypted, secret);
        EXPECT_FALSE(of_other->decrypt(credential));
    }
}

TEST_F(CredentialTest, AnotherTpmsEndorsementKeyIsOfNoUse) {
    Result<tpm::Session> session = tpm::Session::open(node_.system);
    Result<tpm::Session> of_other = tpm::Session::open(other_.system);
    ASSERT_TRUE(session && of_other);
    // The key is public: the other machine knows it, and names a key of its own.
    TpmKeys keys{session->endorsement_key(), of_other->named_key()};
    Result<Credential> made = make_credential(keys, "secret");
    ASSERT_TRUE(made);
    tpm::Credential credential{made->blob, made->secret};
    EXPECT_FALSE(of_other->decrypt(credential));
    EXPECT_FALSE(session->decrypt(credential)) << "the credential is for the other's key";
}

TEST_F(CredentialTest, ADefinitionComesBackWhole) {
    Result<tpm::Session> session = tpm::Session::open(node_.system);
    ASSERT_TRUE(session);
    Result<std::string> sent = definition_for_tpm(keys_of(*session), R"({"name":"x"})");
    ASSERT_TRUE(sent);
    Result<Json> json = parse_json(*sent, "answer");
    auto part = [&](const char* key) { return *definition::from_base64(text_at(json->get(), key)); };
    std::string key = session->decrypt({part("credential"), part("secret")}).value_or("");
    EXPECT_EQ(trust::unseal(key, part("sealed")).value_or(""), R"({"name":"x"})");
    EXPECT_EQ(sent->find("name"), std::string::npos);
}

TEST(Credential, KeysThatAreNoneAreRefused) {
    EXPECT_FALSE(read_tpm_keys(""));
    EXPECT_FALSE(read_tpm_keys(R"({"endorsement_key":"eA==","named_key":"eA=="})"));
    std::string off_the_curve = tpm::endorsement_template();
    std::string json = text(R"({"endorsement_key":")", definition::to_base64(as_bytes(off_the_curve)),
                            R"(","named_key":"eA=="})");
    Result<TpmKeys> keys = read_tpm_keys(json);
    ASSERT_TRUE(keys);
    EXPECT_EQ(describe(make_credential(*keys, "x").error()), "the endorsement key is no point of NIST P-256");
}

TEST(Credential, ATokenIsOfOneNodeAndOneTpm) {
    std::string token = token_of("key", "n001", "aa");
    EXPECT_EQ(token.size(), 32u);
    EXPECT_EQ(token_of("key", "n001", "aa"), token);
    EXPECT_NE(token_of("key", "n002", "aa"), token);
    EXPECT_NE(token_of("key", "n001", "ab"), token);
    EXPECT_NE(token_of("yek", "n001", "aa"), token);
}

} // namespace mangrove::head
