#include <cerrno>
#include <gmock/gmock.h>

#include "system/contract/contract.h"

namespace mangrove {

template <typename World>
class Files : public Contract<World> {};
TYPED_TEST_SUITE(Files, Worlds);

TYPED_TEST(Files, are_written_replaced_and_read) {
    ASSERT_TRUE(this->system().write_file(this->at("file"), "longer at first", 0600));
    ASSERT_TRUE(this->system().write_file(this->at("file"), "then short"));
    EXPECT_EQ(this->read("file"), "then short");
    this->expect_error(this->system().write_file(this->at("no/file"), "x"), ENOENT,
                       "writing " + this->at("no/file"));
    this->expect_error(this->system().read_file(this->at("none")), ENOENT, "reading " + this->at("none"));
    this->expect_error(this->system().read_file(this->world_.base()), EISDIR, "reading");
}

TYPED_TEST(Files, are_read_in_parts) {
    this->world_.add_file("file", "beginning and end");
    EXPECT_EQ(this->system().read_part(this->at("file"), 0, 9).value(), "beginning");
    EXPECT_EQ(this->system().read_part(this->at("file"), 14, 100).value(), "end");
    EXPECT_EQ(this->system().read_part(this->at("file"), 100, 1).value(), "");
    this->expect_error(this->system().read_part(this->at("none"), 0, 1), ENOENT,
                       "reading " + this->at("none"));
}

TYPED_TEST(Files, are_copied) {
    std::string contents(100000, 'x');
    this->world_.add_file("source", contents);
    ASSERT_TRUE(this->system().copy_file(this->at("source"), this->at("copy")));
    EXPECT_EQ(this->read("copy"), contents);
    this->expect_error(this->system().copy_file(this->at("none"), this->at("copy")), ENOENT,
                       this->at("none"));
    this->expect_error(this->system().copy_file(this->at("source"), this->at("no/copy")), ENOENT,
                       this->at("no/copy"));
}

TYPED_TEST(Files, attributes_must_exist) {
    this->world_.add_file("attribute", "0");
    ASSERT_TRUE(this->system().write_attribute(this->at("attribute"), "1"));
    EXPECT_EQ(this->read("attribute"), "1");
    this->expect_error(this->system().write_attribute(this->at("none"), "1"), ENOENT, this->at("none"));
    ASSERT_TRUE(this->system().set_mode(this->at("attribute"), 0755));
    EXPECT_TRUE(this->system().is_executable(this->at("attribute")));
    this->expect_error(this->system().set_mode(this->at("none"), 0600), ENOENT, this->at("none"));
}

TYPED_TEST(Files, directories_are_made_with_their_parents_and_listed_in_order) {
    this->make("a/b/c");
    this->make("a/b/c");
    this->world_.add_file("a/z", "");
    this->world_.add_file("a/Y", "");
    EXPECT_THAT(this->system().list_directory(this->at("a")).value(), testing::ElementsAre("Y", "b", "z"));
    this->expect_error(this->system().list_directory(this->at("none")), ENOENT, this->at("none"));
    this->expect_error(this->system().list_directory(this->at("a/z")), ENOTDIR, this->at("a/z"));
    this->expect_error(this->system().make_directory(this->at("a/z")), EEXIST, this->at("a/z"));
}

TYPED_TEST(Files, only_empty_directories_are_removed) {
    this->make("a/b");
    this->expect_error(this->system().remove_directory(this->at("a")), ENOTEMPTY, this->at("a"));
    ASSERT_TRUE(this->system().remove_directory(this->at("a/b")));
    ASSERT_TRUE(this->system().remove_directory(this->at("a")));
    EXPECT_EQ(this->system().path_kind(this->at("a")), PathKind::missing);
}

TYPED_TEST(Files, tell_what_they_are) {
    this->make("directory");
    this->world_.add_file("program", "", 0755);
    this->world_.add_file("file", "");
    this->world_.add_link("link", "program");
    EXPECT_EQ(this->system().path_kind(this->at("directory")), PathKind::directory);
    EXPECT_EQ(this->system().path_kind(this->at("file")), PathKind::file);
    EXPECT_EQ(this->system().path_kind(this->at("link")), PathKind::symbolic_link);
    EXPECT_EQ(this->system().path_kind(this->at("none/at/all")), PathKind::missing);
    EXPECT_TRUE(this->system().is_executable(this->at("program")));
    EXPECT_FALSE(this->system().is_executable(this->at("file")));
    EXPECT_FALSE(this->system().is_executable(this->at("directory")));
    EXPECT_EQ(this->system().read_link(this->at("link")).value(), "program");
    this->expect_error(this->system().read_link(this->at("file")), EINVAL, this->at("file"));
}

TYPED_TEST(Files, links_are_made_where_nothing_is) {
    ASSERT_TRUE(this->system().make_link(this->at("link"), "elsewhere"));
    EXPECT_EQ(this->system().read_link(this->at("link")).value(), "elsewhere");
    this->expect_error(this->system().make_link(this->at("link"), "x"), EEXIST, this->at("link"));
    this->expect_error(this->system().make_link(this->at("no/link"), "x"), ENOENT, this->at("no/link"));
}

TYPED_TEST(Files, are_looked_up_as_after_chroot) {
    this->world_.add_file("root/usr/lib/init", "");
    this->world_.add_link("root/sbin", "usr/lib");
    this->world_.add_link("root/absolute", "/usr/lib/init");
    this->world_.add_link("root/upwards", "../../../usr/lib/init");
    this->world_.add_link("root/circle", "circle");
    std::string root = this->at("root");
    for (const char* path : {"/sbin/init", "/absolute", "/upwards", "/../usr/./lib//init"})
        EXPECT_EQ(this->system().resolve_in_root(root, path).value_or("(nothing)"), root + "/usr/lib/init")
            << path;
    this->expect_error(this->system().resolve_in_root(root, "/sbin/none"), ENOENT, "/sbin/none");
    this->expect_error(this->system().resolve_in_root(root, "/circle"), ELOOP, "/circle");
}

TYPED_TEST(Files, random_bytes_are_as_many_as_asked_for) {
    EXPECT_EQ(this->system().random_bytes(33).value().size(), 33u);
}

} // namespace mangrove
