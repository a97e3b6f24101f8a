#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "definition/base64.h"
#include "source/testing/search.h"
#include "tpm/message.h"
#include "tpm/tpm.h"
#include "trust/sealed.h"

namespace mangrove {
namespace {

using testing::HasSubstr;
using tpm::Writer;

constexpr const char* kUrl = "https://192.0.2.1/n/definition?node=n001";

std::string base64(std::string_view text) {
    return definition::to_base64(as_bytes(text));
}

/// A node whose network is up, and a TPM that makes keys and decrypts every credential to the same key.
struct TpmSource : SearchTest {
    TpmSource() {
        system.use(downloads);
        system.add_file("/proc/cmdline", "quiet\n");
        system.add_file("/etc/mangrove/ca.pem", "certificates");
        search.boot.network.emplace();
    }
    void add_tpm() {
        system.add_file(tpm::kDevice, "");
        system.add_device(tpm::kDevice, [this](std::string_view request) -> Result<std::string> {
            std::string body;
            switch (
                tpm::CommandCode(static_cast<uint8_t>(request[9]) | static_cast<uint8_t>(request[8]) << 8)) {
            case tpm::CommandCode::create_primary:
                body = Writer().u32(0x80000000).u32(10).sized("public").text();
                break;
            case tpm::CommandCode::start_auth_session:
                body = Writer().u32(0x03000000).sized("nonce").text();
                break;
            case tpm::CommandCode::activate_credential:
                body = Writer().u32(34).sized(key).text();
                break;
            default:
                break;
            }
            return Writer()
                .u16(0x8002)
                .u32(static_cast<uint32_t>(10 + body.size()))
                .u32(0)
                .bytes(body)
                .text();
        });
    }
    void serve(const std::string& body) { downloads.serve(kUrl, {.body = body}); }
    std::string error() {
        Result<Found> found = find_definition(search, text("tpm:", kUrl));
        return found ? "no error" : describe(found.error());
    }

    std::string key = std::string(trust::kSealKeySize, 'k');
};

TEST_F(TpmSource, PostsItsKeysAndDecryptsTheDefinition) {
    add_tpm();
    serve(text(R"({"credential":")", base64("c"), R"(","secret":")", base64("s"), R"(","sealed":")",
               base64(trust::seal(key, "{}")), R"("})"));
    Result<Found> found = find_definition(search, text("tpm:", kUrl));
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_EQ(found->text, "{}");
    EXPECT_EQ(found->readers, "");
    EXPECT_EQ(downloads.requests.back().json, text(R"({"endorsement_key":")", base64("public"),
                                                   R"(","named_key":")", base64("public"), R"("})"));
}

TEST_F(TpmSource, AnAnswerForAnotherTpmIsRefused) {
    add_tpm();
    serve(text(R"({"credential":")", base64("c"), R"(","secret":")", base64("s"), R"(","sealed":")",
               base64(trust::seal(std::string(trust::kSealKeySize, 'x'), "{}")), R"("})"));
    EXPECT_THAT(error(), HasSubstr("sealed with another key"));
}

TEST_F(TpmSource, AnAnswerThatIsNoneIsRefused) {
    add_tpm();
    serve("{}");
    EXPECT_THAT(error(), HasSubstr("not JSON with credential, secret and sealed"));
}

TEST_F(TpmSource, AMachineWithoutTpmSaysSo) {
    EXPECT_THAT(error(), HasSubstr("this machine has no TPM 2.0 (/dev/tpm0)"));
}

} // namespace
} // namespace mangrove
