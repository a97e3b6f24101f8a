#include <blkid/blkid.h>
#include <cerrno>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "system/linux/bounded_child.h"
#include "system/linux/system.h"

namespace mangrove {

static Result<> configure_loop(const std::string& device, const LoopRequest& request, int backing_file) {
    int mode = request.access == Access::read_only ? O_RDONLY : O_RDWR;
    UniqueFd loop(::open(device.c_str(), mode | O_CLOEXEC));
    if (!loop.is_open()) return system_error(errno, "opening ", device);
    loop_config config = {};
    config.fd = static_cast<uint32_t>(backing_file);
    if (request.access == Access::read_only) config.info.lo_flags |= LO_FLAGS_READ_ONLY;
    if (request.direct_io) config.info.lo_flags |= LO_FLAGS_DIRECT_IO;
    if (request.scan_partitions) config.info.lo_flags |= LO_FLAGS_PARTSCAN;
    std::string name = request.file.substr(0, LO_NAME_SIZE - 1);
    std::copy(name.begin(), name.end(), config.info.lo_file_name);
    if (::ioctl(loop.get(), LOOP_CONFIGURE, &config) != 0)
        return system_error(errno, "attaching ", request.file, " as ", device);
    return {};
}

Result<std::string> LinuxSystem::attach_loop(const LoopRequest& request) {
    int mode = request.access == Access::read_only ? O_RDONLY : O_RDWR;
    UniqueFd file(::open(request.file.c_str(), mode | O_CLOEXEC));
    if (!file.is_open()) return system_error(errno, "opening ", request.file);
    UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    if (!control.is_open()) return system_error(errno, "opening /dev/loop-control");
    for (int tries_left = 16;; --tries_left) {
        int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
        if (number < 0) return system_error(errno, "finding a free loop device");
        std::string device = text("/dev/loop", number);
        Result<> configured = configure_loop(device, request, file.get());
        if (configured) return device;
        // Somebody else was faster with this number.
        if (configured.error().code != EBUSY || tries_left == 0) return std::unexpected(configured.error());
    }
}

Result<> LinuxSystem::detach_loop(const std::string& device) {
    UniqueFd loop(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
    if (!loop.is_open() || ::ioctl(loop.get(), LOOP_CLR_FD) != 0)
        return system_error(errno, "detaching ", device);
    return {};
}

bool LinuxSystem::is_device_ready(const std::string& device) {
    // A drive without a medium can be opened so, too.
    return UniqueFd(::open(device.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)).is_open();
}

bool LinuxSystem::is_device_in_use(const std::string& device) {
    UniqueFd exclusive(::open(device.c_str(), O_RDONLY | O_NONBLOCK | O_EXCL | O_CLOEXEC));
    return !exclusive.is_open() && errno == EBUSY;
}

static std::string probed_value(blkid_probe probe, const char* name) {
    const char* value = nullptr;
    return blkid_probe_lookup_value(probe, name, &value, nullptr) == 0 && value ? value : "";
}

static Result<Filesystem> safe_probe(blkid_probe probe, const std::string& device) {
    int outcome = blkid_do_safeprobe(probe);
    if (outcome == -2)
        return permanent_error("probing ", device, ": signatures of several file systems are on it");
    if (outcome < 0) return system_error(errno, "probing ", device);
    return Filesystem{probed_value(probe, "TYPE"), probed_value(probe, "LABEL"), probed_value(probe, "UUID")};
}

/// Looks for the file systems of roots first: libblkid reads some forty places of a device for all that it
/// knows, one after the other, and each costs a round trip to the server.
static Result<Filesystem> probe_usual_first(blkid_probe probe, const std::string& device) {
    const char* types[] = {"squashfs", "erofs", "ext4", "ext3", "ext2", "xfs", "btrfs", "f2fs", nullptr};
    blkid_probe_enable_superblocks(probe, 1);
    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID);
    blkid_probe_filter_superblocks_type(probe, BLKID_FLTR_ONLYIN, const_cast<char**>(types));
    Result<Filesystem> found = safe_probe(probe, device);
    if (!found || !found->type.empty()) return found;
    blkid_probe_reset_superblocks_filter(probe);
    blkid_probe_enable_partitions(probe, 1);
    blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS);
    return safe_probe(probe, device);
}

Result<Filesystem> LinuxSystem::probe_filesystem(const std::string& device) {
    UniqueFd file(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) return system_error(errno, "opening ", device);
    blkid_probe probe = blkid_new_probe();
    if (!probe) return system_error(ENOMEM, "probing ", device);
    Result<Filesystem> found = blkid_probe_set_device(probe, file.get(), 0, 0) == 0
                                   ? probe_usual_first(probe, device)
                                   : system_error(errno, "probing ", device);
    blkid_free_probe(probe);
    return found;
}

static bool has_tag(const std::string& device, const std::string& tag, const std::string& value) {
    blkid_probe probe = blkid_new_probe_from_filename(device.c_str());
    if (!probe) return false;
    blkid_probe_enable_superblocks(probe, 1);
    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID);
    blkid_probe_enable_partitions(probe, 1);
    blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS);
    const char* name = tag == "PARTUUID"    ? "PART_ENTRY_UUID"
                       : tag == "PARTLABEL" ? "PART_ENTRY_NAME"
                                            : tag.c_str();
    bool matches = blkid_do_safeprobe(probe) >= 0;
    std::string probed = probed_value(probe, name);
    // Of vfat the digits are upper case, of all others lower case.
    matches = matches && (tag.ends_with("UUID") ? lower_case(probed) == lower_case(value) : probed == value);
    blkid_free_probe(probe);
    return matches;
}

Result<std::string> LinuxSystem::find_device(const std::string& tag, const std::string& value) {
    std::vector<std::string> names = TRY(list_directory("/sys/class/block"));
    for (const std::string& name : names)
        if (has_tag("/dev/" + name, tag, value)) return "/dev/" + name;
    return std::string();
}

/// In the child: 0 or the errno.
static int ask(const std::string& path) {
    constexpr size_t kBlock = 4096;
    struct stat found = {};
    if (::stat(path.c_str(), &found) != 0) return errno;
    // The client of a network's file system keeps nothing of this (statfs(2)).
    struct statfs space = {};
    if (S_ISDIR(found.st_mode)) return ::statfs(path.c_str(), &space) == 0 ? 0 : errno;
    alignas(kBlock) char block[kBlock];
    UniqueFd device(::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
    ssize_t size = device.is_open() ? ::read(device.get(), block, sizeof block) : -1;
    // A disk that was taken away has no bytes any more.
    return size > 0 ? 0 : size < 0 ? errno : ENODEV;
}

Result<> LinuxSystem::ask_storage(const std::string& path, milliseconds time_limit) {
    std::string operation = "asking for " + path;
    std::optional<int> outcome = TRY(run_until(now() + time_limit, [&] { return ask(path); }), operation);
    if (!outcome || *outcome != 0) return system_error(outcome.value_or(ETIMEDOUT), operation);
    return {};
}

} // namespace mangrove
