#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "system/clock.h"
#include "system/resident.h"

namespace mangrove {

class Network;
class IscsiTransport;
class NbdDevices;
class FuseConnections;
class UblkDevices;
class DeviceMapper;
class Downloads;
class CacheDisks;
class Archives;

enum class PathKind { missing, file, directory, block_device, symbolic_link, other };
enum class MachineEnd { reboot, poweroff };
enum class Access { read_only, read_write };

/// One call of mount(2). `flags` are MS_…; `options` is the data string. With a time limit (0: none) it is
/// given up (ETIMEDOUT) when it takes longer; the target must not be a mount point then.
struct MountRequest {
    std::string source = {};
    std::string target = {};
    std::string type = {};
    unsigned long flags = 0;
    std::string options = {};
    milliseconds time_limit{0};
};

/// A key as add_key(2) takes it. The module that knows the type must be loaded.
struct KernelKey {
    std::string type;
    std::string description;
    Bytes payload;
};

/// One write to an attribute, given up (ETIME) when it takes longer than the limit. The key is in the keyring
/// of the process that writes, which goes with it; one that the kernel does not take is an error
/// (EKEYREJECTED).
struct BoundedWrite {
    std::string path;
    std::string value;
    milliseconds time_limit{0};
    std::optional<KernelKey> key = {};
};

/// An overlay of `lowers` (the first is the uppermost) with an upper and a work directory, or read-only when
/// both are empty. The options follow Documentation/filesystems/overlayfs.rst; any number of lowers up to the
/// kernel's limit of 500 is mounted, also when their paths together are longer than a page.
struct OverlayRequest {
    std::vector<std::string> lowers = {};
    std::string upper = {};
    std::string work = {};
    std::string target = {};
    std::vector<std::string> options = {};
};

struct LoopRequest {
    std::string file;
    Access access = Access::read_only;
    bool direct_io = false;
    bool scan_partitions = false;
};

/// libblkid's description of a device; fields that it does not know are empty.
struct Filesystem {
    std::string type;
    std::string label;
    std::string uuid;
};

/// A part of a file, in bytes.
struct ReadPart {
    uint64_t offset = 0;
    uint64_t size = 0;
};
struct ReadFile {
    std::string path; ///< in its root
    std::vector<ReadPart> parts = {};
};

/// A recording of which files of a root are read.
struct ReadRecording {
    std::string root;                   ///< where the root is mounted now; it becomes `/`
    std::string end;                    ///< the file below /run whose appearance ends the recording
    std::string result;                 ///< the file below /run that is written then
    seconds limit{0};                   ///< the longest that the recording takes
    std::string root_at_end = "1/root"; ///< the root then, from /proc
    /// Makes the contents of the result of files, in the order in which they were opened first, and of what
    /// of them is in memory.
    std::function<std::string(const std::vector<ReadFile>& files)> to_text;
};

/// The seam to the kernel: everything that a boot does to the machine, in the words of its intent.
/// `LinuxSystem` does it, `FakeSystem` plays it for the tests. Every error names the operation and the
/// object.
class System {
  public:
    virtual ~System() = default;

    virtual Result<std::string> read_file(const std::string& path) = 0;
    /// Creates or replaces a file; the directory must exist. `mode` is the permission bits.
    virtual Result<> write_file(const std::string& path, std::string_view contents, unsigned mode = 0644) = 0;
    /// Creates or replaces the file `target` with the contents of `source`.
    virtual Result<> copy_file(const std::string& source, const std::string& target,
                               unsigned mode = 0644) = 0;
    /// Adds to the end of a file, which is made when it is missing.
    virtual Result<> append_file(const std::string& path, ByteView bytes) = 0;
    /// Writes to an existing attribute of sysfs or procfs, in one write(2).
    virtual Result<> write_attribute(const std::string& path, std::string_view value) = 0;
    /// The same for an attribute that waits for a server, in a process of its own.
    virtual Result<> write_bounded(const BoundedWrite& request) = 0;
    /// Sets the permission bits of an existing file.
    virtual Result<> set_mode(const std::string& path, unsigned mode) = 0;
    /// Writes a request to a device in one write(2) and reads its answer through the same opening.
    virtual Result<std::string> exchange(const std::string& device, std::string_view request) = 0;
    /// The names in a directory, sorted, without "." and "..".
    virtual Result<std::vector<std::string>> list_directory(const std::string& path) = 0;
    /// As many bytes of a file from `offset` on; fewer where it ends.
    virtual Result<std::string> read_part(const std::string& path, uint64_t offset, size_t count) = 0;
    /// Follows no symbolic link at the end of `path`. A path that cannot be looked up is missing.
    virtual PathKind path_kind(const std::string& path) = 0;
    /// The target of a symbolic link, as it stands there.
    virtual Result<std::string> read_link(const std::string& path) = 0;
    /// The directory must exist, and nothing may be at `path`.
    virtual Result<> make_link(const std::string& path, const std::string& target) = 0;
    /// Makes a directory and its parents; one that exists is no error.
    virtual Result<> make_directory(const std::string& path, unsigned mode = 0755) = 0;
    /// Gives a file another name in the same file system, in the place of one that has it.
    virtual Result<> rename(const std::string& path, const std::string& new_path) = 0;
    /// Removes an empty directory.
    virtual Result<> remove_directory(const std::string& path) = 0;
    /// The path that `path` stands for inside the tree `root`, with its symbolic links resolved as after
    /// chroot(2). The result begins with `root`. An error when it does not exist.
    virtual Result<std::string> resolve_in_root(const std::string& root, const std::string& path) = 0;
    virtual bool is_executable(const std::string& path) = 0;
    /// True when the block device can be opened: its node in /dev appears some moments before (ENXIO until
    /// then). The kernel sends an event when it is.
    virtual bool is_device_ready(const std::string& device) = 0;
    /// True while the kernel uses the block device for itself: a file system is mounted from it.
    virtual bool is_device_in_use(const std::string& device) = 0;

    virtual Result<> mount(const MountRequest& request) = 0;
    virtual Result<> mount_overlay(const OverlayRequest& request) = 0;
    virtual Result<> unmount(const std::string& target) = 0;
    /// Takes a mount, with all that is mounted in it, out of the tree at once. Each file system ends when
    /// nothing uses it any more: those that only each other use have ended on return.
    virtual Result<> unmount_tree(const std::string& target) = 0;
    /// The SELinux label of a file (security.selinux), as it stands in its file system; empty where there is
    /// none.
    virtual Result<std::string> security_label(const std::string& path) = 0;
    virtual Result<> set_security_label(const std::string& path, const std::string& label) = 0;
    /// Makes `new_root` (a mount point) the root of this process, as switch_root(8) does: /dev, /proc, /sys
    /// and /run move along, the old root is emptied if it is a tmpfs or ramfs.
    virtual Result<> switch_root(const std::string& new_root) = 0;
    /// Replaces this process; returns only on failure. `arguments[0]` is the program.
    virtual Result<> execute(const std::vector<std::string>& arguments) = 0;

    /// Returns the device ("/dev/loop0"). The device goes away with `detach_loop`.
    virtual Result<std::string> attach_loop(const LoopRequest& request) = 0;
    virtual Result<> detach_loop(const std::string& device) = 0;
    /// Loads a module by its name or by a modalias, with what it depends on. One that is loaded or built in
    /// already is no error.
    virtual Result<> load_module(const std::string& name_or_alias, const std::string& parameters = {}) = 0;
    /// Says what is on a block device. A device without a known signature gives empty fields.
    virtual Result<Filesystem> probe_filesystem(const std::string& device) = 0;
    /// The block device with this tag now, or an empty string. `tag` is LABEL, UUID or PARTUUID, as blkid(8)
    /// has it.
    virtual Result<std::string> find_device(const std::string& tag, const std::string& value) = 0;

    /// The kernel's log as far as it is kept, a line each, the oldest first.
    virtual Result<std::string> kernel_log() = 0;

    /// Starts `work` in a process that outlives the switch of the root; call it before that. The process, and
    /// those that it starts, see /sys, /proc and /run, but nothing of the root; they are locked in memory and
    /// marked with '@', so that systemd lets them live (systemd's ROOT_STORAGE_DAEMONS). All descriptors are
    /// closed in it but those that are kept. Returns when all this has come about.
    virtual Result<> start_in_shelter(const std::function<void(System&)>& work,
                                      const std::vector<int>& kept) = 0;
    /// Memory that this process shares with those that it starts, zeroed and in place.
    virtual Result<std::shared_ptr<uint8_t>> share_memory(size_t size) = 0;
    /// Starts a child of this process for the resident's work.
    virtual Result<int> start_resident(const Resident& resident) = 0;
    /// Waits until one of them ends.
    virtual ResidentEnd wait_for_resident() = 0;
    /// Kills the process of a resident and waits for its end.
    virtual void end_resident(int process) = 0;
    /// Starts the hardware watchdog, which restarts the machine when it is not petted in time, also when this
    /// process dies. Returns the timeout, which is another one where the device does not take this one.
    virtual Result<seconds> open_watchdog(seconds timeout) = 0;
    virtual void pet_watchdog() = 0;
    /// Stops the watchdog that a process has left ticking, where the kernel lets it.
    virtual void stop_watchdog() = 0;
    /// Ends the work of a resident for good, unless it goes on whatever the root is.
    virtual Result<> retire_resident(int process) = 0;
    /// Starts `work` in a process that outlives a soft reboot of systemd, as soon as what is mounted on
    /// `new_root` is `/`. The mounts on `carried` are on the same directories then, of which systemd leaves
    /// those below /run behind. The process gives up after an hour. Returns its number.
    virtual Result<int> start_across_roots(const std::string& new_root,
                                           const std::vector<std::string>& carried,
                                           const std::function<void(System&)>& work) = 0;
    /// Starts a process beside the root that records what is read from it.
    virtual Result<> record_reads(const ReadRecording& wanted) = 0;
    /// Ends a process that start_across_roots has started.
    virtual Result<> end_process(int process) = 0;
    /// Makes what is behind a block device or a directory of a server answer: past all caches. An error, also
    /// (ETIMEDOUT) when there is no answer within the time limit.
    virtual Result<> ask_storage(const std::string& path, milliseconds time_limit) = 0;
    /// Does `action` in a process of its own, for what waits for ever for a server that is away, and gives it
    /// up (ETIMEDOUT) when it takes longer than the limit. What it changes in memory is lost. One that the
    /// kernel does not let die goes on, and nobody waits for it. The action does nothing bounded itself.
    using Action = std::function<Result<std::string>()>;
    virtual Result<std::string> run_bounded(const std::string& operation, milliseconds time_limit,
                                            const Action& action) = 0;
    /// Writes out what can be written within some seconds.
    virtual void write_out() = 0;
    /// Loads a kernel that the machine goes on with at its next kexec (kexec_file_load(2)), or forgets it.
    virtual Result<> load_kernel(const std::string& kernel, const std::string& initramfs,
                                 const std::string& command_line) = 0;
    virtual Result<> unload_kernel() = 0;
    /// Ends the machine at once, whatever still runs on it.
    virtual void end_machine(MachineEnd end) = 0;

    virtual Time now() = 0;
    /// The time of day, by which certificates are judged; a machine may have lost it.
    virtual WallTime wall_clock() = 0;
    virtual Result<> set_wall_clock(WallTime time) = 0;
    /// Waits until the kernel tells of a new or changed device (a uevent), or until the deadline. True if it
    /// told something since the last call. Never sleeps when an event is pending.
    virtual Result<bool> wait_for_device_event(Deadline deadline) = 0;
    virtual void sleep(milliseconds duration) = 0;
    virtual Result<Bytes> random_bytes(size_t count) = 0;
    virtual Result<> set_host_name(const std::string& name) = 0;

    virtual Network& network() = 0;
    virtual IscsiTransport& iscsi_transport() = 0;
    virtual NbdDevices& nbd_devices() = 0;
    virtual FuseConnections& fuse_connections() = 0;
    virtual UblkDevices& ublk_devices() = 0;
    virtual DeviceMapper& device_mapper() = 0;
    virtual Downloads& downloads() = 0;
    virtual CacheDisks& cache_disks() = 0;
    virtual Archives& archives() = 0;
};

/// System::run_bounded for what answers nothing.
Result<> run_bounded(System& system, const std::string& operation, milliseconds time_limit,
                     const std::function<Result<>()>& action);

/// Waits until `condition` (returning bool) holds, looking again at each device event. False at the deadline.
template <typename Condition>
Result<bool> wait_until(System& system, Deadline deadline, Condition condition) {
    for (;;) {
        if (condition()) return true;
        if (system.now() >= deadline) return false;
        TRY(system.wait_for_device_event(deadline));
    }
}

} // namespace mangrove
