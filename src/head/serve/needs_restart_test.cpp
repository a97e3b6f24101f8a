#include "head/serve/needs_restart.h"

#include <gtest/gtest.h>

#include "definition/masked.h"
#include "head/host/testing/full_tree.h"
#include "trust/envelope.h"

namespace mangrove::head {
namespace {

using Words = std::vector<std::string>;

/// With an image, rendered files, a password, and where to post to.
std::string definition(const std::string& image, const std::string& files, int interval = 60) {
    return text(R"({"name":"lab","mount":{"kind":"overlay","overlay":{"lower":[
        {"kind":"uri","uri":{"uri":"https://h/n/files/)",
                files, R"(.tar?node=n1","digest":"sha256:)", files,
                R"("}},{"kind":"attach","attach":{"attach":{"kind":"iscsi","iscsi":{"target":")", image,
                R"(","host":"h","chap":{"username":"u","password":"secret"}}}}}]}},
        "health":{"url":"https://h/n/health","interval":)",
                interval, "}}");
}

class NeedsRestartTest : public ::testing::Test {
  protected:
    NeedsRestartTest() {
        ServedNode& node = table_.nodes["n1"];
        node.name = "n1";
        node.release = "r-1";
        node.boots["r-1"].digest = "aaaa";
        node.boots["r-1"].definition = definition("iqn.a", "f1");
    }
    void report(const std::string& json) { ASSERT_TRUE(reports_.keep("n1", json)); }
    void booted(const std::string& release, const std::string& digest, const std::string& written) {
        report(text(R"({"release":")", release, R"(","served":")", digest, R"(","masked_definition":)",
                    definition::masked(written), "}"));
    }
    Words reasons() {
        Words all;
        for (const auto& [reason, nodes] : needs_restart(table_, {"n1"}, reports_).reasons)
            all.push_back(reason);
        return all;
    }
    Words unknown() {
        Words all;
        for (const auto& [reason, nodes] : needs_restart(table_, {"n1"}, reports_).unknown)
            all.push_back(reason);
        return all;
    }

    Stage stage_ = make_test_directory();
    BootReports reports_{stage_.path};
    BootTable table_;
};

TEST_F(NeedsRestartTest, ANodeThatRunsWhatItIsServedNeedsNone) {
    booted("r-1", "aaaa", definition("iqn.a", "f1"));
    EXPECT_EQ(reasons(), Words{});
    booted("r-1", "aaaa", definition("iqn.a", "f1", 15));
    EXPECT_EQ(reasons(), Words{}) << "how often it posts does not count";
    booted("r-1", "", definition("iqn.a", "f1"));
    EXPECT_EQ(reasons(), Words{}) << "an earlier version does not tell of its kernel";
    EXPECT_EQ(unknown(), Words{});
}

TEST_F(NeedsRestartTest, NamesWhatDiffers) {
    booted("r-0", "bbbb", definition("iqn.b", "f2"));
    EXPECT_EQ(reasons(), Words{"booted release r-0, would boot release r-1"});
    booted("r-1", "bbbb", definition("iqn.a", "f1"));
    EXPECT_EQ(reasons(), Words{"kernel, initramfs or kernel arguments"});
    booted("r-1", "aaaa", definition("iqn.a", "f2"));
    EXPECT_EQ(reasons(), Words{"files"});
    booted("r-1", "aaaa", definition("iqn.b", "f2"));
    EXPECT_EQ(reasons(), (Words{"files", "image or layers"}));
    std::string other = definition("iqn.a", "f1");
    other.insert(1, R"("timeout":5,)");
    booted("r-1", "aaaa", other);
    EXPECT_EQ(reasons(), Words{"definition"});
    report(R"({"release":"r-1","fallback":true})");
    EXPECT_EQ(reasons(), Words{"booted a fallback of its definition"});
}

TEST_F(NeedsRestartTest, ANodeWithoutAReleaseIsCompared) {
    table_.nodes["n1"].release = "";
    table_.nodes["n1"].boots[""] = table_.nodes["n1"].boots["r-1"];
    booted("", "aaaa", definition("iqn.a", "f1"));
    EXPECT_EQ(reasons(), Words{});
    booted("r-1", "aaaa", definition("iqn.a", "f1"));
    EXPECT_EQ(reasons(), Words{"booted release r-1, would boot no release"});
}

TEST_F(NeedsRestartTest, ASignedDefinitionIsComparedAsTheNodeReadsIt) {
    trust::Envelope envelope{.definition = R"({"name":"lab","mount":{"kind":"tmpfs"}})",
                             .signature = "AAAA",
                             .additions = R"({"hostname":"n1"})"};
    std::string read = trust::with_additions(envelope).value();
    table_.nodes["n1"].boots["r-1"].definition = trust::envelope_text(envelope);
    booted("r-1", "aaaa", read);
    EXPECT_EQ(reasons(), Words{});
    envelope.additions = R"({"hostname":"m1"})";
    table_.nodes["n1"].boots["r-1"].definition = trust::envelope_text(envelope);
    EXPECT_EQ(reasons(), Words{"definition"});
}

TEST_F(NeedsRestartTest, SaysOfWhichNodesItIsNotKnown) {
    EXPECT_EQ(unknown(), Words{"has not reported"});
    report("{\"rele");
    EXPECT_EQ(unknown(), Words{"has not reported"});
    report(R"({"release":"r-1","failure":"no such LUN"})");
    EXPECT_EQ(unknown(), Words{"its last boot failed"});
    booted("r-1", "aaaa", definition("iqn.a", "f1"));
    table_.nodes["n1"].boots["r-1"].problem = "files base: no entry";
    EXPECT_EQ(unknown(), Words{"cannot boot now"});
    EXPECT_EQ(reasons(), Words{});
}

} // namespace
} // namespace mangrove::head
