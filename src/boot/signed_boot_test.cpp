#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "boot/provision.h"
#include "definition/encoding.h"
#include "machine/run_files.h"
#include "net/dhcp_test_messages.h"
#include "system/fake/downloads.h"
#include "system/fake/network.h"
#include "trust/policy.h"
#include "trust/test_signature.h"

namespace mangrove {
namespace {

using testing::HasSubstr;

/// Of a disk that is there: without signers every source would boot it.
const std::string kUnsigned = R"({"mount":{"kind":"attach","attach":{"attach":{"kind":"local",)"
                              R"("local":{"label":"root"}}}}})";

struct SignedBoot : testing::Test {
    SignedBoot() {
        const std::map<std::string, std::string> root = {{"/dev/", ""}, {"/proc/", ""}, {"/sys/", ""},
                                                         {"/run/", ""}, {"/etc/", ""},  {"/sbin/init*", ""}};
        system.add_directory("/sys/bus");
        system.add_file("/proc/self/exe", "the program");
        system.add_file("/proc/self/mountinfo", "22 1 8:0 / /sysroot ro - ext4 /dev/sda ro\n");
        system.add_disk("/dev/sda", {"ext4", "root", ""}, root);
        system.add_image("/root.img", {"ext4", "", ""}, root);
        network.add_card("eth0", kTestMac);
        system.use(downloads);
        set_log_sink([](LogLevel, std::string_view) {});
        system.add_file("/unsigned.json", kUnsigned);
        system.add_file("/sys/firmware/qemu_fw_cfg/by_name/opt/mangrove/definition/raw", kUnsigned);
        std::string oem = "mangrove.definition:" + kUnsigned;
        system.add_file("/sys/firmware/dmi/tables/DMI",
                        std::string("\x0b\x05\0\1\1", 5) + oem + std::string("\0\0\x7f\4\0\2\0\0", 8));
        downloads.serve("http://192.0.2.1/a.json", {.body = kUnsigned});
        downloads.serve("http://192.0.2.1/empty.json", {.body = kUnsigned});
        downloads.serve("http://192.0.2.1/empty.json.sig", {.body = "\n"});
        serve(kUnsigned);
    }

    void serve(const std::string& definition, const std::string& root_path = "") {
        network.serve_dhcp("eth0", [=](ByteView question) {
            DhcpOptions options;
            if (!definition.empty()) options[224] = Bytes(definition.begin(), definition.end());
            if (!root_path.empty()) options[17] = Bytes(root_path.begin(), root_path.end());
            return answer_as_server(question, options);
        });
    }
    void demand_signatures() {
        system.add_file(trust::kSignersPath, trust::kSignerLine);
        system.add_file(trust::kPolicyPath, trust::policy_text({}));
    }
    /// Why the boot fails; empty: it comes to its end.
    std::string failure(const std::string& arguments) {
        system.add_file("/proc/cmdline", arguments);
        Boot boot(system);
        Result<> booted = run_boot(boot, [](Boot&, Root&) -> Result<> { return {}; });
        return booted ? "" : booted.error().what;
    }

    Transcript transcript;
    FakeSystem system{transcript};
    FakeNetwork network{system};
    FakeDownloads downloads{transcript};
};

const std::string kSources[] = {
    "mangrove.definition=" + *definition::encode(kUnsigned),
    "mangrove.definition=file:/unsigned.json",
    "mangrove.definition=fw_cfg",
    "mangrove.definition=smbios",
    "mangrove.definition=http://192.0.2.1/a.json",
    "mangrove.definition=http://192.0.2.1/empty.json",
    "mangrove.definition=dhcp",
    "mangrove.definition=cmdline root=LABEL=root",
    "root=LABEL=root rw",
    "root=dhcp",
    "",
};

TEST_F(SignedBoot, NoSourceBootsAnUnsignedDefinition) {
    for (const std::string& source : kSources)
        EXPECT_EQ(failure(source), "") << source << ": without signers it boots";
    demand_signatures();
    for (const std::string& source : kSources)
        EXPECT_THAT(failure(source), testing::AnyOf(HasSubstr("the definition is not signed"),
                                                    HasSubstr("a.json.sig: the server answered 404"),
                                                    HasSubstr("is not one of ssh-keygen -Y sign")))
            << source;
    EXPECT_TRUE(system.mounts().empty());
}

TEST_F(SignedBoot, ARootPathIsNoSignedDefinition) {
    demand_signatures();
    for (const char* root_path : {"nfs:192.0.2.1:/root", "iscsi:192.0.2.1::::iqn.2003-01.org.example:a",
                                  "http://192.0.2.1/root.squashfs"}) {
        serve("", root_path);
        EXPECT_THAT(failure(""), HasSubstr("the definition is not signed")) << root_path;
    }
}

TEST_F(SignedBoot, ASignedDefinitionBootsFromEachSource) {
    demand_signatures();
    std::string envelope = trust::envelope_text(
        {.definition = trust::kSignedDefinition, .signature = trust::kSignature, .additions = {}});
    system.add_file("/signed.json", trust::kSignedDefinition);
    system.add_file("/signed.json.sig", trust::kSignature);
    system.add_file("/sys/firmware/qemu_fw_cfg/by_name/opt/mangrove/definition/raw", envelope);
    downloads.serve("http://192.0.2.1/signed.json", {.body = trust::kSignedDefinition});
    downloads.serve("http://192.0.2.1/signed.json.sig", {.body = trust::kSignature});
    serve(envelope);
    const std::string signature = " mangrove.signature=" + trust::one_line(trust::kSignature);
    for (const std::string& source :
         {"mangrove.definition=" + *definition::encode(trust::kSignedDefinition) + signature,
          "mangrove.definition=" + *definition::encode(envelope),
          std::string("mangrove.definition=file:/signed.json"), std::string("mangrove.definition=fw_cfg"),
          std::string("mangrove.definition=http://192.0.2.1/signed.json"),
          std::string("mangrove.definition=dhcp")})
        EXPECT_EQ(failure(source), "") << source;
}

TEST_F(SignedBoot, TheRunningNodeKnowsWhomItsInitramfsTrusts) {
    EXPECT_EQ(failure("mangrove.definition=file:/unsigned.json"), "");
    EXPECT_FALSE(system.file(kKeptSigners));
    system.add_file(trust::kSignersPath, trust::kSignerLine);
    system.add_file(trust::kPolicyPath, trust::policy_text({.built = {}, .least_serial = 7}));
    system.add_file("/signed.json", trust::kSignedDefinition);
    system.add_file("/signed.json.sig", trust::kSignature);
    EXPECT_THAT(failure("mangrove.definition=file:/signed.json"), HasSubstr("serial: 0 is less than 7"));
    system.add_file(trust::kPolicyPath, trust::policy_text({}));
    ASSERT_EQ(failure("mangrove.definition=file:/signed.json"), "");
    // The root may have files of its own there.
    system.add_file(trust::kSignersPath, "# nobody\n");
    Boot boot(system);
    EXPECT_TRUE(check_trust(boot, "file:/signed.json"));
    Result<> checked = check_trust(boot, "file:/unsigned.json");
    ASSERT_FALSE(checked);
    EXPECT_THAT(checked.error().what, HasSubstr("the definition is not signed"));
}

TEST_F(SignedBoot, AnUnsignedDefinitionIsPassedOverForASignedOne) {
    demand_signatures();
    system.add_file("/signed.json", trust::kSignedDefinition);
    system.add_file("/signed.json.sig", trust::kSignature);
    EXPECT_EQ(failure("mangrove.definition=file:/unsigned.json mangrove.definition=file:/signed.json"), "");
}

} // namespace
} // namespace mangrove
