#include "system/contract/contract.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/fake/neighbour.h"

namespace mangrove {

FakeWorld::FakeWorld() {
    system_.add_directory(base());
}

void FakeWorld::add_file(const std::string& name, const std::string& contents, unsigned mode) {
    system_.add_file(base() + "/" + name, contents, mode);
}

void FakeWorld::add_link(const std::string& name, const std::string& target) {
    system_.add_link(base() + "/" + name, target);
}

void FakeWorld::add_image(const std::string& name, const std::string& label, const std::string& inside) {
    system_.add_image(base() + "/" + name, {"ext4", label, ""}, {{"inside", inside}});
}

void FakeWorld::add_blank_image(const std::string& name) {
    system_.add_image(base() + "/" + name, {});
}

/// Ends the contract unless the machine has what it needs.
static void need(bool condition, const std::string& what) {
    if (condition) return;
    std::fprintf(stderr, "contract: %s\n", what.c_str());
    std::abort();
}

LinuxWorld::LinuxWorld() {
    need(::unshare(CLONE_NEWNS) == 0, "a mount namespace takes root");
    need(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "making the mounts private");
    char directory[] = "/tmp/mangrove-contract-XXXXXX";
    need(::mkdtemp(directory) != nullptr, "making a directory");
    base_ = directory;
    need(::mount("tmpfs", directory, "tmpfs", 0, nullptr) == 0, "mounting a tmpfs");
}

LinuxWorld::~LinuxWorld() {
    // A failed test may have left loop devices on our files.
    static_cast<void>(run_command("losetup --list --noheadings --output NAME,BACK-FILE | grep '" + base_
                                  + "/' | cut -d ' ' -f 1 | xargs -r -n 1 losetup --detach"));
    ::umount2(base_.c_str(), MNT_DETACH);
    ::rmdir(base_.c_str());
}

static void make_parent(const std::string& path) {
    std::error_code problem;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), problem);
    need(!problem, "making the directory of " + path);
}

void LinuxWorld::add_file(const std::string& name, const std::string& contents, unsigned mode) {
    std::string path = base_ + "/" + name;
    make_parent(path);
    std::ofstream(path) << contents;
    need(::chmod(path.c_str(), mode) == 0, "setting the mode of " + path);
}

void LinuxWorld::add_link(const std::string& name, const std::string& target) {
    std::string path = base_ + "/" + name;
    make_parent(path);
    need(::symlink(target.c_str(), path.c_str()) == 0, "linking " + path);
}

void LinuxWorld::add_image(const std::string& name, const std::string& label, const std::string& inside) {
    add_file("tree-of-" + name + "/inside", inside);
    add_blank_image(name);
    need(run_command("mke2fs -q -t ext4 -O ^has_journal -L " + label + " -d " + base_ + "/tree-of-" + name
                     + " " + base_ + "/" + name),
         "making an ext4");
}

void LinuxWorld::add_blank_image(const std::string& name) {
    add_file(name, "");
    need(::truncate((base_ + "/" + name).c_str(), 4 << 20) == 0, "making an image");
}

size_t LinuxWorld::mount_count() {
    std::string mounts = system_.read_file("/proc/self/mountinfo").value_or("");
    return static_cast<size_t>(std::count(mounts.begin(), mounts.end(), '\n'));
}

} // namespace mangrove
