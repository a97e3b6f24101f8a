#include "head/publish/assignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "head/host/testing/collected_progress.h"
#include "head/host/testing/full_tree.h"

namespace mangrove::head {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct AssignmentTest : testing::Test {
    AssignmentTest() {
        EXPECT_TRUE(make_directories(image.directory));
        EXPECT_TRUE(make_directories(srv));
        EXPECT_TRUE(write_file(image.kernel(), "a kernel"));
        EXPECT_TRUE(write_file(image.initramfs(), "an initramfs"));
        EXPECT_TRUE(write_file(srv / "boot.ipxe", "#!ipxe\nchain assigned/all.ipxe\n"));
    }
    Assignment of(const char* node) { return {node, publication.id, image.id, image.kernel_version}; }
    std::string file(const std::string& name) {
        return read_file(srv / "assigned" / name).value_or("(none)");
    }

    Stage work = make_test_directory();
    std::filesystem::path srv = work.path / "srv";
    Image image{.name = "debian",
                .id = "debian-0123456789ab",
                .digest = {},
                .format = {},
                .compression = {},
                .source = {},
                .created = {},
                .kernel_version = "6.1.0",
                .directory = work.path / "image"};
    Record publication{.id = "debian-0123456789ab.nbd",
                       .image = image.id,
                       .over = "nbd",
                       .server = "nbd-server",
                       .definition = R"({"name":"debian"})",
                       .steps = {}};
    BootDirectory boot{srv};
    CollectedProgress progress;
};

TEST_F(AssignmentTest, GivesNodesTheKernelTheInitramfsAndAScript) {
    ASSERT_TRUE(boot.assign(publication, image, {"all", "52-54-00-00-00-01"}, progress));
    EXPECT_THAT(boot.list().value(), ElementsAre(of("52-54-00-00-00-01"), of("all")));
    EXPECT_THAT(file("all.ipxe"), HasSubstr("\nchain --autofree debian-0123456789ab.nbd/boot.ipxe ||\n"));
    EXPECT_EQ(file("debian-0123456789ab.nbd/vmlinuz-6.1.0"), "a kernel");
    EXPECT_EQ(file("debian-0123456789ab.nbd/initramfs-6.1.0"), "an initramfs");
    EXPECT_THAT(file("debian-0123456789ab.nbd/boot.ipxe"), HasSubstr("mangrove.definition=base64:"));
    EXPECT_TRUE(boot.check_scripts(progress));
    EXPECT_THAT(progress.warnings, IsEmpty());
}

TEST_F(AssignmentTest, TakesWhatWasBuiltAnew) {
    ASSERT_TRUE(boot.assign(publication, image, {"all"}, progress));
    ASSERT_TRUE(write_file(image.initramfs(), "a newer one"));
    ASSERT_TRUE(boot.assign(publication, image, {"all"}, progress));
    EXPECT_EQ(file("debian-0123456789ab.nbd/initramfs-6.1.0"), "a newer one");
}

TEST_F(AssignmentTest, EndsWithTheNodesScriptAndThenWithTheFiles) {
    EXPECT_THAT(boot.list().value(), IsEmpty());
    ASSERT_TRUE(boot.assign(publication, image, {"all", "52-54-00-00-00-01"}, progress));
    ASSERT_TRUE(boot.unassign("52-54-00-00-00-01"));
    EXPECT_THAT(boot.list().value(), ElementsAre(of("all")));
    ASSERT_TRUE(boot.unassign("all"));
    ASSERT_TRUE(boot.forget(publication.id));
    EXPECT_THAT(boot.list().value(), IsEmpty());
    EXPECT_TRUE(std::filesystem::is_empty(srv / "assigned"));
}

TEST_F(AssignmentTest, LeavesScriptsOfOthersAlone) {
    ASSERT_TRUE(make_directories(srv / "assigned"));
    ASSERT_TRUE(write_file(srv / "assigned/note.ipxe", "#!ipxe\nshell\n"));
    ASSERT_TRUE(make_directories(srv / "assigned/directory.ipxe"));
    std::filesystem::create_symlink("nowhere", srv / "assigned/link.ipxe");
    EXPECT_THAT(boot.list().value(), IsEmpty());
}

TEST_F(AssignmentTest, TellsOfAnotherDefinition) {
    ASSERT_TRUE(make_directories(srv / "nodes"));
    ASSERT_TRUE(write_file(srv / "nodes/all.ipxe", "#!ipxe\nset arguments mangrove.definition=x\n"));
    ASSERT_TRUE(boot.check_scripts(progress));
    EXPECT_THAT(progress.warnings, ElementsAre(HasSubstr("nodes/all.ipxe has a definition")));
}

TEST_F(AssignmentTest, TellsWhereNoNodeWillLookForIt) {
    ASSERT_TRUE(write_file(srv / "boot.ipxe", "#!ipxe\nkernel vmlinuz\n"));
    EXPECT_THAT(boot.check_scripts(progress).error().what,
                HasSubstr("boot.ipxe does not read what is in assigned/"));
    ASSERT_TRUE(std::filesystem::remove(srv / "boot.ipxe"));
    EXPECT_THAT(boot.check_scripts(progress).error().what, HasSubstr("boot.ipxe not found"));
    Result<> nowhere = BootDirectory(work.path / "none").assign(publication, image, {"all"}, progress);
    ASSERT_FALSE(nowhere);
    EXPECT_THAT(nowhere.error().what, HasSubstr("there is no directory " + work.path.native() + "/none"));
}

TEST(Nodes, AreCardsAddresses) {
    EXPECT_EQ(node_from("all").value(), "all");
    EXPECT_EQ(node_from("52:54:00:AB:cd:56").value(), "52-54-00-ab-cd-56");
    EXPECT_EQ(node_from("52-54-00-12-34-56").value(), "52-54-00-12-34-56");
    EXPECT_EQ(node_from("525400123456").value(), "52-54-00-12-34-56");
    EXPECT_EQ(node_from("5254.0012.3456").value(), "52-54-00-12-34-56");
    EXPECT_EQ(node_from("80:00:02:08:fe:80:00:01").value(), "80-00-02-08-fe-80-00-01") << "InfiniBand";
    EXPECT_EQ(node_text("52-54-00-12-34-56"), "52:54:00:12:34:56");
    EXPECT_EQ(node_text("all"), "all");
    for (const char* wrong : {"ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "01:00:5e:00:00:01"})
        EXPECT_THAT(node_from(wrong).error().what, HasSubstr("is not the address of a network card"))
            << wrong;
    for (const char* wrong :
         {"5254001234", "5254.0012.34", "5254.0012.3456.", "52540012345g", "", "node1", "52:54:00:12:34",
          "52:54:00:12:34:5", "52:54:00:12:34:zz", "../../etc/x", "52:54:00:12:34:56:"})
        EXPECT_FALSE(node_from(wrong)) << wrong;
}

} // namespace
} // namespace mangrove::head
