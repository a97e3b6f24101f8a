#include "boot/provision.h"

#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/sha256.h"
#include "definition/encoding.h"
#include "machine/run_files.h"
#include "net/dhcp_test_messages.h"
#include "root/report.h"
#include "system/fake/downloads.h"
#include "system/fake/network.h"

namespace mangrove {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A definition of a local disk that is there ("root"), or is not.
std::string definition_of(const std::string& label, const std::string& more = "") {
    return R"({"name":"of )" + label + R"(","mount":{"kind":"attach","attach":{"attach":{"kind":"local",)"
           + R"("local":{"label":")" + label + R"("}}}})" + more + "}";
}

struct Provision : testing::Test {
    Provision() {
        system.add_directory("/sys/bus");
        system.add_file("/proc/self/exe", "the program");
        system.add_file("/proc/self/mountinfo", "22 1 8:0 / /sysroot ro - ext4 /dev/sda ro\n");
        system.add_file("/sys/class/dmi/id/product_uuid", "f2c626b7-2c0f-41b4-88b8-2edf5cd49a54");
        system.add_disk("/dev/sda", {"ext4", "root", ""},
                        {{"/dev/", ""},
                         {"/proc/", ""},
                         {"/sys/", ""},
                         {"/run/", ""},
                         {"/etc/", ""},
                         {"/sbin/init*", ""}});
        system.add_image("/empty.img", {"ext4", "", ""}, {});
        network.add_card("eth0", kTestMac);
        set_log_sink([this](LogLevel, std::string_view line) { log += std::string(line) + "\n"; });
    }
    ~Provision() override {
        set_log_sink([](LogLevel, std::string_view) {});
    }

    Result<> boot_with(const std::string& command_line) {
        system.add_file("/proc/cmdline", command_line);
        Boot boot(system);
        return run_boot(boot, switch_root);
    }
    /// The disk is refused so often first.
    Result<> boot_after_refusals(int refusals) {
        system.add_file("/a.json", definition_of("root"));
        system.refuse_mount = [refusals](const MountRequest& request) mutable {
            return request.source == "/dev/sda" && refusals-- > 0 ? ETIMEDOUT : 0;
        };
        return boot_with("mangrove.definition=file:/a.json");
    }
    std::string report() const { return system.file(kReportPath).value_or(""); }

    Transcript transcript;
    FakeSystem system{transcript};
    FakeNetwork network{system};
    std::string log;
};

/// Refused once it is tried: an image without anything in it.
const std::string kRefused =
    R"({"name":"empty","mount":{"kind":"attach","attach":{"attach":{"kind":"loopback",)"
    R"("loopback":{"path":"/empty.img"}}}}})";

TEST_F(Provision, TakesTheFirstDefinitionThatCanBeBooted) {
    system.add_file("/bad.json", "{");
    system.add_file("/refused.json", kRefused);
    system.add_file("/good.json", definition_of("root"));
    Result<> result = boot_with("mangrove.definition=file:/missing.json mangrove.definition=file:/bad.json "
                                "mangrove.definition=file:/refused.json mangrove.definition=file:/good.json");
    ASSERT_TRUE(result) << describe(result.error());
    EXPECT_EQ(system.executed(), (std::vector<std::string>{"/sbin/init"}));
    EXPECT_EQ(log, "reading /missing.json: No such file or directory\n"
                   "  while looking for a definition\n"
                   "passing over mangrove.definition=file:/missing.json\n"
                   "expected a key in double quotes, found the end of the text: is it truncated?\n"
                   "  while reading the definition from /bad.json\n"
                   "passing over mangrove.definition=file:/bad.json\n"
                   "command: the image has no /sbin/init\n"
                   "  while assembling the root 'empty'\n"
                   "passing over mangrove.definition=file:/refused.json\n"
                   "switching to the root 'of root'\n");
    EXPECT_THAT(report(), HasSubstr(R"("definition":"/good.json","passed_over":[)"
                                    R"({"definition":"mangrove.definition=file:/missing.json","error":)"
                                    R"("reading /missing.json: No such file or directory\n)"
                                    R"(  while looking for a definition"},)"));
    EXPECT_THAT(report(),
                HasSubstr(R"("command: the image has no /sbin/init\n  while assembling the root 'empty'")"));
}

TEST_F(Provision, TheDefinitionThatWasBootedIsMeasured) {
    system.add_file("/dev/tpm0", "");
    std::string requests;
    system.add_device("/dev/tpm0", [&](std::string_view request) -> Result<std::string> {
        requests += request;
        return std::string("\x80\x02\0\0\0\x0a\0\0\0\0", 10);
    });
    system.add_file("/refused.json", kRefused);
    system.add_file("/good.json", definition_of("root"));
    ASSERT_TRUE(boot_with("mangrove.definition=file:/refused.json mangrove.definition=file:/good.json"));
    Sha256 digest;
    digest.add(as_bytes(definition_of("root")));
    // Once, PCR 12, one digest, SHA-256
    EXPECT_EQ(hex(as_bytes(requests)), "8002"
                                       "00000041"
                                       "00000182"
                                       "0000000c"
                                       "00000009"
                                       "400000090000000000"
                                       "00000001"
                                       "000b"
                                           + digest.finish());
    EXPECT_THAT(log, HasSubstr("extended PCR 12 of the TPM by the digest of the definition"));
}

TEST_F(Provision, EndsWithTheLastErrorWhenNoDefinitionCanBeBooted) {
    system.add_file("/refused.json", kRefused);
    Result<> result =
        boot_with("mangrove.definition=file:/missing.json mangrove.definition=file:/refused.json");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().what, "command: the image has no /sbin/init");
    EXPECT_THAT(log, Not(HasSubstr("passing over mangrove.definition=file:/refused.json")));
    EXPECT_TRUE(system.mounts().empty());
}

TEST_F(Provision, TellsWhyItFailed) {
    FakeDownloads downloads{transcript};
    system.use(downloads);
    std::string reported = kRefused;
    reported.insert(reported.size() - 1, R"(,"report":{"url":"http://192.0.2.1/of-definition"})");
    system.add_file("/refused.json", kRefused);
    system.add_file("/reported.json", reported);
    const std::string argument = " mangrove.report=http://192.0.2.1/of-argument";
    for (const auto& [command_line, url] : std::map<std::string, std::string>{
             {"mangrove.definition=file:/missing.json" + argument, "http://192.0.2.1/of-argument"},
             {"mangrove.definition=file:/refused.json" + argument, "http://192.0.2.1/of-argument"},
             {"mangrove.definition=file:/reported.json" + argument, "http://192.0.2.1/of-definition"}}) {
        downloads.serve(url, {.head = {.status = 204}});
        ASSERT_FALSE(boot_with(command_line));
        EXPECT_EQ(downloads.requests.back().url, url);
    }
    EXPECT_THAT(downloads.requests.back().json.value_or(""), HasSubstr("the image has no /sbin/init"));
    EXPECT_THAT(log, HasSubstr("posted why the boot failed to http://192.0.2.1/of-definition"));
}

TEST_F(Provision, FallsBackWithinADefinition) {
    std::string with_fallback = kRefused;
    with_fallback.insert(with_fallback.size() - 1,
                         R"(,"release":"r-1","fallback":[)" + definition_of("root") + "]");
    system.add_file("/a.json", with_fallback);
    ASSERT_TRUE(boot_with("mangrove.definition=file:/a.json"));
    EXPECT_THAT(report(), HasSubstr(R"("release":"r-1","fallback":true,)"));
    EXPECT_THAT(report(), HasSubstr(R"("passed_over":[{"definition":"the root 'empty'","error":)"));
}

TEST_F(Provision, FromALeftInitramfsThereIsNoWayBack) {
    std::string with_fallback = definition_of("root");
    with_fallback.insert(with_fallback.size() - 1, R"(,"fallback":[)" + definition_of("other") + "]");
    system.add_file("/a.json", with_fallback);
    system.add_file("/proc/cmdline", "mangrove.definition=file:/a.json mangrove.definition=file:/b.json\n");
    static int departures = 0;
    Boot boot(system);
    Result<> result = run_boot(boot, [](Boot&, Root& root) -> Result<> {
        ++departures;
        return transient_error("starting ", root.name);
    });
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().what, "starting of root");
    EXPECT_EQ(departures, 1);
}

TEST_F(Provision, IsTriedUntilItsTimeIsOverAndCountsTheTries) {
    ASSERT_TRUE(boot_after_refusals(2));
    EXPECT_THAT(report(), HasSubstr(R"("tries":2,"outcome":"failed","error":"mounting /dev/sda on )"
                                    R"(/sysroot: Connection timed out\n  while mounting mount\n)"
                                    R"(  while assembling the root 'of root'")"));
    EXPECT_THAT(report(), HasSubstr(R"("tries":3,"outcome":"ok"})"));
    EXPECT_THAT(report(), Not(HasSubstr(R"("tries":4)")));
}

TEST_F(Provision, OfManyTriesTheReportHasTheFirstAndTheLast) {
    ASSERT_TRUE(boot_after_refusals(200));
    EXPECT_THAT(report(), HasSubstr(R"("tries":20,"outcome":"failed")"));
    EXPECT_THAT(report(), Not(HasSubstr(R"("tries":21,)")));
    EXPECT_THAT(report(), HasSubstr(R"("tries":201,"outcome":"ok"})"));
}

TEST_F(Provision, ASourceThatDoesNotAnswerIsAskedAgainAfterTheOthers) {
    network.after(seconds(90), [&] {
        network.serve_dhcp("eth0", [](ByteView question) {
            std::string text = definition_of("root");
            return answer_as_server(question, {{224, Bytes(text.begin(), text.end())}});
        });
    });
    Result<> result = boot_with("mangrove.definition=dhcp mangrove.definition=file:/missing.json");
    ASSERT_TRUE(result) << describe(result.error());
    EXPECT_THAT(report(), HasSubstr(R"("definition":"option 224 of the DHCP server 192.0.2.1")"));
    size_t missing = log.find("reading /missing.json");
    ASSERT_NE(missing, std::string::npos);
    EXPECT_EQ(log.find("reading /missing.json", missing + 1), std::string::npos) << "refused is refused";
}

TEST_F(Provision, TheReportHasTheDefinition) {
    system.add_file("/a.json", definition_of("root", R"(,"hostname":"node7")"));
    ASSERT_TRUE(boot_with("mangrove.definition=file:/a.json"));
    EXPECT_THAT(report(), HasSubstr(R"("masked_definition":{"name":"of root","mount":{)"));
}

TEST_F(Provision, ASecretOnTheCommandLineIsWarnedOfAndNowhereElse) {
    std::string secret = "correct-horse-battery";
    std::string chap = R"({"name":"x","mount":{"kind":"attach","attach":{"attach":{"kind":"iscsi","iscsi":)"
                       R"({"target":"iqn.2003-01.org.example:a","host":"nowhere","chap":{"username":"u",)"
                       R"("password":")"
                       + secret + R"("}}}}}})";
    std::string encoded = *definition::encode(definition_of("root", R"(,"fallback":[)" + chap + "]"));
    ASSERT_TRUE(boot_with("mangrove.definition=" + encoded));
    EXPECT_THAT(log, HasSubstr("fallback[0].mount.attach.attach holds a secret, and every "
                               "user of the node can read the kernel command line"));
    EXPECT_THAT(log + report(), Not(HasSubstr(secret)));
    EXPECT_THAT(log + report(), Not(HasSubstr(encoded.substr(7))));
    EXPECT_THAT(report(), HasSubstr("looking for mangrove.definition=base64:…"));
    EXPECT_THAT(report(), HasSubstr(R"("chap":{"username":"u","password":"…"})"));
}

} // namespace
} // namespace mangrove
