#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sys/mount.h>
#include <thread>

#include "base/undo.h"
#include "system/contract/contract.h"

namespace mangrove {

template <typename World>
class Devices : public Contract<World> {};
TYPED_TEST_SUITE(Devices, Worlds);

/// Within five seconds.
template <typename Condition>
bool comes_true(Condition condition) {
    for (Time begin = Clock::now(); Clock::now() - begin < seconds(5);) {
        if (condition()) return true;
        std::this_thread::sleep_for(milliseconds(20));
    }
    return false;
}

TYPED_TEST(Devices, a_file_becomes_a_disk_that_is_probed_and_mounted) {
    this->world_.add_image("image", "contract-a", "hello");
    Result<std::string> device = this->system().attach_loop({.file = this->at("image")});
    ASSERT_TRUE(device) << describe(device.error());
    EXPECT_EQ(this->system().path_kind(*device), PathKind::block_device);
    EXPECT_TRUE(this->system().is_device_ready(*device));
    Filesystem found = this->system().probe_filesystem(*device).value();
    EXPECT_EQ(found.type, "ext4");
    EXPECT_EQ(found.label, "contract-a");
    EXPECT_EQ(this->system().find_device("LABEL", "contract-a").value(), *device);
    EXPECT_EQ(this->system().find_device("LABEL", "contract-b").value(), "");
    this->make("target");
    MountRequest request = {
        .source = *device, .target = this->at("target"), .type = "ext4", .flags = MS_RDONLY};
    ASSERT_TRUE(this->system().mount(request));
    EXPECT_EQ(this->read("target/inside"), "hello");
    this->expect_error(this->system().write_file(this->at("target/new"), ""), EROFS, this->at("target/new"));
    ASSERT_TRUE(this->system().unmount(this->at("target")));
    ASSERT_TRUE(this->system().detach_loop(*device));
    // It goes when nobody has it open, and udev may be looking at it.
    EXPECT_TRUE(comes_true([&] { return !this->system().detach_loop(*device); }));
    this->expect_error(this->system().detach_loop(*device), ENXIO, *device);
}

TYPED_TEST(Devices, a_disk_without_a_file_system_has_an_empty_probe) {
    this->world_.add_blank_image("blank");
    std::string device = this->system().attach_loop({.file = this->at("blank")}).value();
    Result<Filesystem> found = this->system().probe_filesystem(device);
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_EQ(found->type + found->label + found->uuid, "");
    this->make("target");
    MountRequest request = {
        .source = device, .target = this->at("target"), .type = "ext4", .flags = MS_RDONLY};
    this->expect_error(this->system().mount(request), EINVAL, "mounting " + device);
    ASSERT_TRUE(this->system().detach_loop(device));
}

TYPED_TEST(Devices, storage_is_asked) {
    this->world_.add_image("image", "contract-d", "hello");
    std::string device = this->system().attach_loop({.file = this->at("image")}).value();
    constexpr seconds kLimit{60};
    EXPECT_TRUE(this->system().ask_storage(device, kLimit));
    EXPECT_TRUE(this->system().ask_storage(this->world_.base(), kLimit));
    ASSERT_TRUE(this->system().detach_loop(device));
    this->expect_error(this->system().ask_storage(this->at("none"), kLimit), ENOENT, this->at("none"));
}

TYPED_TEST(Devices, a_bounded_action_answers_as_it_would_without_a_limit) {
    constexpr seconds kLimit{60};
    auto run = [&](const Result<std::string>& answer) {
        return this->system().run_bounded("acting", kLimit, [&] { return answer; });
    };
    for (const char* text : {"", "+ two\nlines\n"})
        EXPECT_EQ(run(text).value(), text);
    Error error = {.what = "no\nanswer",
                   .permanence = Permanence::transient,
                   .code = EHOSTDOWN,
                   .while_doing = {"", "acting"}};
    for (const Error& expected : {error, Error{.what = ""}}) {
        Result<std::string> found = run(std::unexpected(expected));
        ASSERT_FALSE(found);
        EXPECT_EQ(describe(found.error()), describe(expected));
        EXPECT_EQ(found.error().is_transient(), expected.is_transient());
        EXPECT_EQ(found.error().code, expected.code);
    }
}

/// The rarer kinds are looked for when none of the usual ones was found.
TEST(LinuxDevices, rare_and_doubtful_contents_are_told) {
    LinuxWorld world;
    LinuxSystem& system = world.system();
    world.add_blank_image("rare");
    ASSERT_EQ(std::system(("mkswap -q -L rare " + world.base() + "/rare").c_str()), 0);
    Filesystem rare = system.probe_filesystem(world.base() + "/rare").value();
    EXPECT_EQ(rare.type, "swap");
    EXPECT_EQ(rare.label, "rare");
    world.add_image("two", "contract-e", "hello");
    std::fstream two(world.base() + "/two", std::ios::in | std::ios::out | std::ios::binary);
    two.write("hsqs", 4).seekp(28).write("\4", 2); // a squashfs of version 4 before the ext4's superblock
    two.close();
    Result<Filesystem> doubtful = system.probe_filesystem(world.base() + "/two");
    ASSERT_FALSE(doubtful);
    EXPECT_NE(doubtful.error().what.find("several file systems"), std::string::npos) << doubtful.error().what;
}

TYPED_TEST(Devices, what_is_not_there_is_named) {
    this->expect_error(this->system().attach_loop({.file = this->at("none")}), ENOENT, this->at("none"));
    this->expect_error(this->system().probe_filesystem("/dev/none"), ENOENT, "/dev/none");
    EXPECT_FALSE(this->system().is_device_ready("/dev/none"));
}

TYPED_TEST(Devices, undoing_leaves_nothing_attached) {
    this->world_.add_image("image", "contract-c", "hello");
    this->make("target");
    size_t before = this->world_.mount_count();
    {
        Undo undo;
        std::string device = this->system().attach_loop({.file = this->at("image")}).value();
        undo.push("detaching", [this, device] { return this->system().detach_loop(device); });
        MountRequest request = {
            .source = device, .target = this->at("target"), .type = "ext4", .flags = MS_RDONLY};
        ASSERT_TRUE(this->system().mount(request));
        undo.push("unmounting", [this] { return this->system().unmount(this->at("target")); });
    }
    EXPECT_EQ(this->world_.mount_count(), before);
    EXPECT_TRUE(
        comes_true([&] { return this->system().find_device("LABEL", "contract-c").value().empty(); }));
}

TEST(LinuxDevices, a_file_system_that_is_built_in_needs_no_index) {
    EXPECT_TRUE(LinuxSystem().load_module("fs-tmpfs", ""));
    EXPECT_FALSE(LinuxSystem().load_module("fs-no-such-thing", ""));
}

} // namespace mangrove
