#include <cerrno>
#include <sys/mount.h>

#include "system/contract/contract.h"
#include "system/fake/neighbour.h"

namespace mangrove {

template <typename World>
class Mounts : public Contract<World> {
  protected:
    /// The directory `name` as a lower layer that holds the files of `files`.
    std::string layer(const std::string& name, const std::vector<std::string>& files) {
        for (const std::string& file : files)
            this->world_.add_file(name + "/" + file, name);
        return this->at(name);
    }
};
TYPED_TEST_SUITE(Mounts, Worlds);

TYPED_TEST(Mounts, a_tmpfs_covers_and_uncovers) {
    this->world_.add_file("target/below", "below");
    size_t before = this->world_.mount_count();
    ASSERT_TRUE(this->system().mount({.source = "tmpfs", .target = this->at("target"), .type = "tmpfs"}));
    EXPECT_EQ(this->world_.mount_count(), before + 1);
    EXPECT_EQ(this->system().path_kind(this->at("target/below")), PathKind::missing);
    ASSERT_TRUE(this->system().write_file(this->at("target/above"), "above"));
    ASSERT_TRUE(this->system().unmount(this->at("target")));
    EXPECT_EQ(this->world_.mount_count(), before);
    EXPECT_EQ(this->read("target/below"), "below");
    EXPECT_EQ(this->system().path_kind(this->at("target/above")), PathKind::missing);
}

TYPED_TEST(Mounts, a_bind_shows_the_same_files) {
    this->world_.add_file("source/sub/file", "one");
    this->make("target");
    ASSERT_TRUE(this->system().mount(
        {.source = this->at("source/sub"), .target = this->at("target"), .flags = MS_BIND}));
    EXPECT_EQ(this->read("target/file"), "one");
    ASSERT_TRUE(this->system().write_file(this->at("target/file"), "two"));
    EXPECT_EQ(this->read("source/sub/file"), "two");
    ASSERT_TRUE(
        this->system().mount({.target = this->at("target"), .flags = MS_BIND | MS_REMOUNT | MS_RDONLY}));
    this->expect_error(this->system().write_file(this->at("target/file"), "three"), EROFS,
                       this->at("target/file"));
    ASSERT_TRUE(this->system().unmount(this->at("target")));
}

TYPED_TEST(Mounts, what_is_wrong_is_named) {
    this->make("target");
    this->expect_error(this->system().unmount(this->at("target")), EINVAL,
                       "unmounting " + this->at("target"));
    this->expect_error(this->system().mount({.source = "tmpfs", .target = this->at("none"), .type = "tmpfs"}),
                       ENOENT, "mounting tmpfs on " + this->at("none"));
    this->expect_error(
        this->system().mount({.source = this->at("none"), .target = this->at("target"), .flags = MS_BIND}),
        ENOENT, this->at("none"));
    this->expect_error(
        this->system().mount_overlay({.lowers = {this->at("none")}, .target = this->at("target")}), ENOENT,
        "mounting an overlay");
}

TYPED_TEST(Mounts, one_with_another_inside_stays) {
    this->make("outer");
    ASSERT_TRUE(this->system().mount({.source = "tmpfs", .target = this->at("outer"), .type = "tmpfs"}));
    this->make("outer/inner");
    ASSERT_TRUE(
        this->system().mount({.source = "tmpfs", .target = this->at("outer/inner"), .type = "tmpfs"}));
    this->expect_error(this->system().unmount(this->at("outer")), EBUSY, this->at("outer"));
    ASSERT_TRUE(this->system().unmount(this->at("outer/inner")));
    ASSERT_TRUE(this->system().unmount(this->at("outer")));
}

TYPED_TEST(Mounts, an_overlay_shows_its_first_lower_on_top) {
    OverlayRequest request = {
        .lowers = {this->layer("first", {"both", "a"}), this->layer("second", {"both", "b"})},
        .target = this->at("target")};
    this->make("target");
    ASSERT_TRUE(this->system().mount_overlay(request));
    EXPECT_EQ(this->read("target/both"), "first");
    EXPECT_EQ(this->read("target/b"), "second");
    this->expect_error(this->system().write_file(this->at("target/new"), "x"), EROFS, this->at("target/new"));
    ASSERT_TRUE(this->system().unmount(this->at("target")));
}

TYPED_TEST(Mounts, what_is_written_to_an_overlay_leaves_the_lower_as_it_was) {
    OverlayRequest request = {.lowers = {this->layer("lower", {"file"})},
                              .upper = this->at("writable/upper"),
                              .work = this->at("writable/work"),
                              .target = this->at("target")};
    for (const char* name : {"writable/upper", "writable/work", "target"})
        this->make(name);
    ASSERT_TRUE(this->system().mount_overlay(request));
    ASSERT_TRUE(this->system().write_file(this->at("target/file"), "changed"));
    EXPECT_EQ(this->read("target/file"), "changed");
    EXPECT_EQ(this->read("lower/file"), "lower");
    ASSERT_TRUE(this->system().unmount(this->at("target")));
}

/// The rule of the kernel that restricted layers depend on: what counts is the flags of the overlay.
TEST(RestrictedMounts, setuid_is_in_force_in_an_overlay_of_restricted_layers) {
    LinuxWorld world;
    System& system = world.system();
    auto at = [&](const std::string& name) { return world.base() + "/" + name; };
    // Returns the user that the setuid program `id` sees when another user starts it.
    auto user_of = [&](const std::string& program) {
        run_command("setpriv --reuid=65534 --clear-groups " + program + " -u >" + at("user"));
        return std::string(trim(system.read_file(at("user")).value_or("")));
    };
    for (const char* name : {"lower", "upper", "root"})
        ASSERT_TRUE(system.make_directory(at(name)));
    for (const char* name : {"lower", "upper"})
        ASSERT_TRUE(system.mount({.source = "tmpfs", .target = at(name), .type = "tmpfs"}));
    for (const char* name : {"upper/upper", "upper/work"})
        ASSERT_TRUE(system.make_directory(at(name)));
    ASSERT_TRUE(system.copy_file("/usr/bin/id", at("lower/id"), 0755));
    ASSERT_TRUE(system.set_mode(at("lower/id"), 04755));
    ASSERT_EQ(user_of(at("lower/id")), "0");
    for (const char* name : {"lower", "upper"})
        ASSERT_TRUE(system.mount({.target = at(name), .flags = MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV}));
    ASSERT_TRUE(system.mount_overlay({.lowers = {at("lower")},
                                      .upper = at("upper/upper"),
                                      .work = at("upper/work"),
                                      .target = at("root")}));
    EXPECT_EQ(user_of(at("root/id")), "0");
    EXPECT_EQ(user_of(at("lower/id")), "65534");
    ASSERT_TRUE(system.set_mode(at("root/id"), 04711)); // copied up
    EXPECT_EQ(user_of(at("root/id")), "0");
    ASSERT_TRUE(system.make_directory(at("bind")));
    ASSERT_TRUE(system.mount({.source = at("lower"), .target = at("bind"), .flags = MS_BIND}));
    EXPECT_EQ(user_of(at("bind/id")), "65534") << "a bind has the flags of what it binds";
    ASSERT_TRUE(system.mount({.target = at("bind"), .flags = MS_BIND | MS_REMOUNT}));
    EXPECT_EQ(user_of(at("bind/id")), "0");
    EXPECT_EQ(user_of(at("lower/id")), "65534");
    ASSERT_TRUE(system.unmount(at("bind")));
    ASSERT_TRUE(system.unmount(at("root")));
}

TYPED_TEST(Mounts, a_security_label_is_kept) {
    this->make("labelled");
    ASSERT_TRUE(this->system().mount({.source = "tmpfs", .target = this->at("labelled"), .type = "tmpfs"}));
    this->make("labelled/upper");
    std::string upper = this->at("labelled/upper");
    EXPECT_EQ(this->system().security_label(upper).value(), "");
    Result<> labelled = this->system().set_security_label(upper, "system_u:object_r:root_t:s0");
    if (!labelled && labelled.error().code == EOPNOTSUPP) GTEST_SKIP() << labelled.error().what;
    ASSERT_TRUE(labelled) << describe(labelled.error());
    EXPECT_EQ(this->system().security_label(upper).value(), "system_u:object_r:root_t:s0");
    ASSERT_TRUE(this->system().unmount(this->at("labelled")));
}

TYPED_TEST(Mounts, an_overlay_takes_more_layers_than_a_page_of_options_holds) {
    OverlayRequest request = {.lowers = {}, .target = this->at("target")};
    for (int number = 0; number < 300; ++number)
        request.lowers.push_back(
            this->layer(text("layer-with,a:long\\name-", number), {"all", text("only-", number)}));
    this->make("target");
    Result<> mounted = this->system().mount_overlay(request);
    ASSERT_TRUE(mounted) << describe(mounted.error());
    EXPECT_EQ(this->read("target/all"), "layer-with,a:long\\name-0");
    EXPECT_EQ(this->read("target/only-299"), "layer-with,a:long\\name-299");
    ASSERT_TRUE(this->system().unmount(this->at("target")));
}

} // namespace mangrove
