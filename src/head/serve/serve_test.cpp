#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "head/host/json.h"
#include "head/host/testing/full_tree.h"
#include "head/serve/admission.h"
#include "head/serve/boot_script.h"
#include "head/serve/image_choice.h"
#include "head/serve/leases.h"
#include "head/serve/node_definition.h"
#include "head/serve/settings.h"
#include "trust/envelope.h"

namespace mangrove::head {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::string problem_of(const std::string& settings) {
    Result<Settings> parsed = parse_settings(settings, "head.yaml");
    return parsed ? "" : parsed.error().what;
}

TEST(Settings, HaveAnAddressAndKnownKeys) {
    Result<Settings> settings = parse_settings(
        "# the nodes' network\naddress: [192.168.3.253, head]\nhttp: 8080\ntrust: open\nscreen: 5\n",
        "head.yaml");
    ASSERT_TRUE(settings) << describe(settings.error());
    EXPECT_EQ(http_base(*settings), "http://192.168.3.253:8080");
    EXPECT_EQ(https_base(*settings), "https://192.168.3.253");
    EXPECT_EQ(settings->trust, Trust::open);
    EXPECT_EQ(settings->screen, 5s);
    EXPECT_THAT(problem_of(""), HasSubstr("address is missing"));
    EXPECT_THAT(problem_of("adress: 10.0.0.1"),
                HasSubstr("head.yaml: unknown key 'adress'; did you mean 'address'?"));
    EXPECT_THAT(problem_of("address: 10.0.0.1\nhttp: 70000"),
                HasSubstr("head.yaml: http: expected a whole number from 1 to 65535"));
    EXPECT_THAT(problem_of("address: 10.0.0.1\ntrust: opne"), HasSubstr("did you mean 'open'?"));
    EXPECT_THAT(problem_of("- a"), HasSubstr("expected lines with KEY: VALUE"));
    EXPECT_THAT(problem_of("address: 10.0.0.1\ndatabase: nodes.db"), HasSubstr("expected an absolute path"));
    EXPECT_EQ(parse_settings("address: a\ndatabase: etcd://head1,head2/x", "head.yaml")->database,
              "etcd://head1,head2/x");
    settings = parse_settings("address: fd00:3::253", "head.yaml");
    ASSERT_TRUE(settings);
    EXPECT_EQ(http_base(*settings), "http://[fd00:3::253]");
}

TEST(Admission, LetsABurstStartAndTheOthersInTheirTurn) {
    Admission admission(1, 3);
    Admission::Time now = Admission::Time() + 1000s;
    for (const char* node : {"n1", "n2", "n3"})
        EXPECT_EQ(admission.ask(node, now), 0s) << node;
    std::chrono::seconds wait = admission.ask("n4", now);
    EXPECT_GE(wait, 1s);
    EXPECT_LE(wait, 3s);
    EXPECT_GE(admission.ask("n5", now), 2s);
    EXPECT_GT(admission.ask("n5", now + 1s), 0s) << "asking again does not get a better place";
    EXPECT_EQ(admission.ask("n4", now + 1s), 0s);
    EXPECT_EQ(admission.ask("n5", now + 2s), 0s);
}

TEST(Admission, KeepsAPlaceForAWhile) {
    Admission admission(10, 1);
    Admission::Time now = Admission::Time() + 1000s;
    EXPECT_EQ(admission.ask("n0", now), 0s);
    for (int i = 1; i < 5000; ++i)
        EXPECT_LE(admission.ask(text("n", i), now), 120s);
    EXPECT_EQ(admission.ask("n10", now + 60s), 0s) << "its turn was after a second";
    EXPECT_GT(admission.ask("n11", now + 400s), 0s) << "it came too late, and goes to the end";
}

class LeasesTest : public testing::Test {
  protected:
    bool has(int number, std::chrono::seconds now) {
        return leases_.has({text("52:54:00:00:00:0", number)}, text("10.0.0.", number),
                           std::chrono::system_clock::time_point(now));
    }

    Stage stage_ = make_test_directory();
    std::filesystem::path file_ = stage_.path / "leases";
    Leases leases_{{file_}};
};

TEST_F(LeasesTest, AreReadFromDnsmasq) {
    std::ofstream(file_) << "1000 52:54:00:00:00:01 10.0.0.1 n1 *\n"
                            "0 52:54:00:00:00:02 10.0.0.2 * 01:52\n"
                            "900 52:54:00:00:00:03 10.0.0.3 n3 *\nduid 00:01\n";
    EXPECT_TRUE(has(1, 950s));
    EXPECT_TRUE(has(2, 950s)) << "for ever";
    EXPECT_FALSE(has(3, 950s));
    EXPECT_FALSE(leases_.has({"52:54:00:00:00:01"}, "10.0.0.2", {})) << "another machine's";
}

TEST_F(LeasesTest, AreReadFromKea) {
    std::ofstream(file_) << "address,hwaddr,client_id,valid_lifetime,expire,subnet_id\n"
                            "10.0.0.1,52:54:00:00:00:01,,3600,1000,1\n"
                            "10.0.0.2,52:54:00:00:00:02,,3600,1000,1\n"
                            "10.0.0.2,52:54:00:00:00:02,,0,900,1\n"
                            "10.0.0.3,52:54:00:00:00:03,,0,99999999999999999999,1\n"
                            "10.0.0.4,52:54:00:00:00:04,,0,9999999999999999,1\n";
    EXPECT_TRUE(has(1, 950s));
    EXPECT_FALSE(has(2, 950s)) << "it was released";
    EXPECT_FALSE(has(3, 950s));
    EXPECT_TRUE(has(4, 950s));
}

TEST_F(LeasesTest, CountAgainWhenTheClockGoesBack) {
    std::ofstream(file_) << "1000 52:54:00:00:00:01 10.0.0.1 n1 *\n";
    EXPECT_TRUE(has(1, 950s));
    EXPECT_FALSE(has(1, 900'000'000s));
    EXPECT_TRUE(has(1, 950s));
}

class ChoiceTest : public testing::Test {
  protected:
    std::string choose(const std::string& reference, const std::string& over = "") {
        Result<BootChoice> choice = choose_image(reference, over, images_, publications_);
        return choice ? choice->publication->id : choice.error().what;
    }

    std::vector<Image> images_ = {{.name = "debian",
                                   .id = "debian-1",
                                   .digest = {},
                                   .format = {},
                                   .compression = {},
                                   .source = {},
                                   .created = {},
                                   .sequence = 1},
                                  {.name = "debian",
                                   .id = "debian-2",
                                   .digest = {},
                                   .format = {},
                                   .compression = {},
                                   .source = {},
                                   .created = {},
                                   .sequence = 2},
                                  {.name = "debian",
                                   .id = "debian-3",
                                   .digest = {},
                                   .format = {},
                                   .compression = {},
                                   .source = {},
                                   .created = {},
                                   .sequence = 3},
                                  {.name = "rocky",
                                   .id = "rocky-1",
                                   .digest = {},
                                   .format = {},
                                   .compression = {},
                                   .source = {},
                                   .created = {},
                                   .sequence = 4}};
    std::vector<Record> publications_ = {{.id = "debian-1.iscsi",
                                          .image = "debian-1",
                                          .over = "iscsi",
                                          .server = {},
                                          .definition = {},
                                          .steps = {},
                                          .state = Record::State::published},
                                         {.id = "debian-2.iscsi",
                                          .image = "debian-2",
                                          .over = "iscsi",
                                          .server = {},
                                          .definition = {},
                                          .steps = {},
                                          .state = Record::State::published},
                                         {.id = "debian-2.nbd",
                                          .image = "debian-2",
                                          .over = "nbd",
                                          .server = {},
                                          .definition = {},
                                          .steps = {},
                                          .state = Record::State::published},
                                         {.id = "debian-3.nbd",
                                          .image = "debian-3",
                                          .over = "nbd",
                                          .server = {},
                                          .definition = {},
                                          .steps = {},
                                          .state = Record::State::unpublishing}};
};

TEST_F(ChoiceTest, TakesTheLastOfANameThatIsPublished) {
    EXPECT_EQ(choose("debian-1"), "debian-1.iscsi");
    EXPECT_EQ(choose("debian-1.iscsi"), "debian-1.iscsi");
    EXPECT_EQ(choose("debian", "nbd"), "debian-2.nbd");
    EXPECT_THAT(choose("debian"), HasSubstr("published as debian-2.iscsi and debian-2.nbd"));
    EXPECT_THAT(choose("debian-3.nbd"), HasSubstr("it is unpublishing"));
    EXPECT_THAT(choose("rocky"), HasSubstr("image rocky: not published"));
    EXPECT_THAT(choose("debain"), HasSubstr("did you mean 'debian'?"));
}

constexpr const char* kPublished =
    R"({"name":"debian","timeout":5,"mount":{"kind":"overlay","overlay":{"lower":[
  {"kind":"attach","attach":{"attach":{"kind":"nbd","nbd":{"host":"192.0.2.1","export":"debian"}}}}]}}})";

std::string definition_with(const std::string& values, std::vector<std::string> files = {},
                            const std::string& published = kPublished) {
    Json json = *parse_json(values, "values");
    Result<std::string> made = node_definition(published, {.name = "n1",
                                                           .values = json.get(),
                                                           .files = std::move(files),
                                                           .files_url = "https://h/{digest}.tar",
                                                           .report_url = "https://192.0.2.1/n/report"});
    return made ? *made : made.error().what;
}

const std::string kDigest(64, 'a');
const std::string kMac = "52:54:00:00:00:01";

TEST(NodeDefinition, GetsTheNodesNameReportAndFiles) {
    std::string made = definition_with("{}", {kDigest, std::string(64, 'b')});
    EXPECT_THAT(made, HasSubstr(R"("hostname":"n1","report":{"url":"https://192.0.2.1/n/report"})"));
    EXPECT_LT(made.find("h/bbbb"), made.find("h/aaaa")) << "the last set is the uppermost";
    EXPECT_LT(made.find("h/aaaa"), made.find("nbd")) << "files are above the image";
}

TEST(NodeDefinition, TakesWhatTheNodesValuesSay) {
    std::string made = definition_with(R"({"timeout":60,"report":{"url":"http://other/r"},"hostname":"login",
        "upper":{"size":"2G"},"layers":[{"kind":"uri","uri":{"uri":"http://h/cuda.tar"}}]})");
    EXPECT_THAT(made, HasSubstr(R"("timeout":60)"));
    EXPECT_THAT(made, HasSubstr(R"("report":{"url":"http://other/r"},"hostname":"login")"));
    EXPECT_THAT(made, HasSubstr(R"("upper":{"size":"2G"})"));
    EXPECT_LT(made.find("cuda.tar"), made.find("nbd"));
    EXPECT_THAT(definition_with(R"({"report":{"spread":5}})"),
                HasSubstr(R"("report":{"spread":5,"url":"https://192.0.2.1/n/report"})"));
    EXPECT_THAT(definition_with(R"({"timeout":null})"), testing::Not(HasSubstr("timeout")));
}

TEST(NodeDefinition, NamesItsReleaseAndWhereHealthIsPosted) {
    Json values = *parse_json(R"({"release":"mine","health":{"interval":30}})", "values");
    NodeAdditions additions{
        .name = "n1", .values = values.get(), .release = "r-1", .health_url = "https://h/n/health"};
    std::string made = *node_definition(kPublished, additions);
    EXPECT_THAT(made, HasSubstr(R"("health":{"interval":30,"url":"https://h/n/health"})"));
    EXPECT_THAT(made, HasSubstr(R"("release":"r-1")"));
    EXPECT_THAT(made, testing::Not(HasSubstr("mine")));
    additions = {.name = "n1", .release = "r-2", .health_url = "https://h/n/health", .health_interval = 15};
    EXPECT_THAT(*node_definition(kPublished, additions),
                HasSubstr(R"("release":"r-2","health":{"url":"https://h/n/health","interval":15})"));
    additions.release = "";
    EXPECT_THAT(*node_definition(kPublished, additions), testing::Not(HasSubstr("health")))
        << "images of earlier versions have no word for it";
}

TEST(NodeDefinition, ThatIsSignedStaysAsItIs) {
    const SignedDefinition definition{
        .envelope = {.definition = kPublished, .signature = "AAAA", .additions = {}}};
    Json values = *parse_json(R"({"health":{"interval":30}})", "values");
    NodeAdditions additions{.name = "n1",
                            .values = values.get(),
                            .release = "r-1",
                            .health_url = "https://h/n/health",
                            .report_url = "https://h/n/report"};
    trust::Envelope made = trust::open_envelope(*signed_node_definition(definition, kMac, additions)).value();
    EXPECT_EQ(made.definition, kPublished);
    EXPECT_EQ(made.signature, "AAAA");
    EXPECT_EQ(made.additions, R"({"health":{"interval":30,"url":"https://h/n/health"},"hostname":"n1",)"
                              R"("report":{"url":"https://h/n/report"},"release":"r-1"})");
    values = *parse_json(R"({"upper":{"size":"2G"}})", "values");
    additions.values = values.get();
    EXPECT_THAT(
        signed_node_definition(definition, kMac, additions).error().what,
        HasSubstr(
            "node.upper: only hostname, report, health and release may be added to a signed definition"));
    additions.values = nullptr;
    additions.live_url = "https://h/n/live";
    EXPECT_THAT(signed_node_definition(definition, kMac, additions).error().what,
                HasSubstr("files: the definition is signed, and live files cannot be"));
}

TEST(NodeDefinition, ThatIsSignedHasTheNodesFilesBesideIt) {
    trust::FilesTree tree({{kMac, {kDigest}}, {"52:54:00:00:00:02", {}}});
    Json signed_part = *parse_json(kPublished, "published");
    add_text(signed_part.get(), trust::kNodeFiles, tree.root());
    SignedDefinition definition{.envelope = {.definition = print_json(signed_part), .signature = "AAAA"},
                                .tree = tree};
    SignedDefinition kept = signed_definition_from(to_json(definition)).value();
    EXPECT_EQ(to_json(kept), to_json(definition));
    NodeAdditions additions{.name = "n1", .files_url = "https://h/{digest}.tar?node=n1"};
    std::string envelope = *signed_node_definition(kept, kMac, additions);
    std::string opened = *trust::with_additions(*trust::open_envelope(envelope));
    EXPECT_THAT(*trust::with_own_files(opened, {kMac}),
                HasSubstr(R"("lower":[{"kind":"uri","uri":{"uri":"https://h/)" + kDigest));
    EXPECT_THAT(signed_node_definition(kept, "52:54:00:00:00:03", additions).error().what,
                HasSubstr("the files of this node are missing"));
}

TEST(NodeDefinition, IsChecked) {
    EXPECT_EQ(definition_with(R"({"timeuot":60})"),
              "node n1: its definition: timeuot: unknown key; did you mean 'timeout'?");
    EXPECT_THAT(definition_with("{}", {kDigest}, R"({"mount":{"kind":"nfs","nfs":{"host":"h","path":"/"}}})"),
                HasSubstr("files: the root of this publication is no overlay"));
}

TEST(BootScript, BringsTheCertificateAndItsArguments) {
    BootParts parts{.title = "n1: debian || reboot",
                    .kernel = "http://h/k",
                    .initramfs = "http://h/i",
                    .authority = "http://h/a",
                    .definition = "https://h/n/definition?node=n1",
                    .report = "https://h/n/report?node=n1",
                    .served = "0123456789ab",
                    .arguments = {"console=ttyS0"}};
    EXPECT_EQ(boot_script(parts, "http://h", 15s),
              "#!ipxe\n"
              "echo n1: debian ? reboot\n"
              "kernel http://h/k initrd=head-ca initrd=initramfs BOOTIF=01-${netX/mac:hexhyp} "
              "mangrove.definition=https://h/n/definition?node=n1 mangrove.ca=/etc/mangrove/head-ca.pem "
              "mangrove.report=https://h/n/report?node=n1 mangrove.served=0123456789ab console=ttyS0 "
              "|| goto failed\n"
              "initrd --name head-ca http://h/a || goto failed\n"
              "initrd --name initramfs http://h/i || goto failed\n"
              "boot || goto failed\n"
              ":failed\n"
              "imgfree\n"
              "sleep 15\n"
              "chain --replace http://h/boot.ipxe || reboot\n");
}

TEST(BootScript, SaysTheSameToTheRunningNode) {
    BootParts parts{.title = "n1",
                    .kernel = "http://h/blob/kk",
                    .initramfs = "http://h/blob/ii",
                    .authority = "http://h/blob/aa",
                    .definition = "https://h/n/definition?node=n1",
                    .arguments = {"console=ttyS0"}};
    EXPECT_EQ(
        boot_plan(parts, "6.12.43 (a@b) #1 SMP"),
        R"({"definition":"https://h/n/definition?node=n1",)"
        R"("kernel":{"url":"http://h/blob/kk","sha256":"kk","version":"6.12.43 (a@b) #1 SMP"},)"
        R"("initramfs":[{"url":"http://h/blob/aa","sha256":"aa"},{"url":"http://h/blob/ii","sha256":"ii"}],)"
        R"("arguments":["mangrove.definition=https://h/n/definition?node=n1",)"
        R"("mangrove.ca=/etc/mangrove/head-ca.pem","console=ttyS0"]})");
}

TEST(BootScript, TakesNoArgumentThatTheFirmwareWouldRead) {
    EXPECT_TRUE(check_kernel_argument("rd.break=\"a b\""));
    for (const char* argument :
         {"", "a||b", "&&", "${net0/mac}", "a\nb", "initrd=x", "mangrove.definition=x"})
        EXPECT_FALSE(check_kernel_argument(argument)) << argument;
    EXPECT_EQ(printed_by_firmware("a\n${x} |||| b"), "a??{x} ?? b");
}

} // namespace
} // namespace mangrove::head
