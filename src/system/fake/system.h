#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <utility>

#include "system/fake/transcript.h"
#include "system/system.h"

namespace mangrove {

/// A machine in memory: files, mounts, loop devices, modules and a clock. Every operation is a line of the
/// transcript, in order, and the one that the transcript picks fails. What a device holds is set up with
/// `disk`.
class FakeSystem : public System {
  public:
    struct Node {
        PathKind kind = PathKind::file;
        std::string contents; ///< of a file; the target of a symbolic link
        unsigned mode = 0644;
    };
    using Tree = std::map<std::string, Node>; ///< by absolute path; "/" is not in it

    explicit FakeSystem(Transcript& transcript) : transcript_(transcript) {}
    void use(Network& network) { network_ = &network; }
    void use(IscsiTransport& iscsi_transport) { iscsi_transport_ = &iscsi_transport; }
    void use(NbdDevices& nbd_devices) { nbd_devices_ = &nbd_devices; }
    void use(FuseConnections& fuse_connections) { fuse_connections_ = &fuse_connections; }
    void use(UblkDevices& ublk_devices) { ublk_devices_ = &ublk_devices; }
    void use(DeviceMapper& device_mapper) { device_mapper_ = &device_mapper; }
    void use(Downloads& downloads) { downloads_ = &downloads; }
    void use(CacheDisks& cache_disks) { cache_disks_ = &cache_disks; }
    void use(Archives& archives) { archives_ = &archives; }

    // Setting the scene: no line in the transcript, never fails.
    void add_file(const std::string& path, std::string contents, unsigned mode = 0644);
    void add_directory(const std::string& path);
    void add_link(const std::string& path, std::string target);
    void remove(const std::string& path);
    /// A block device that holds a file system with these files (path to contents; an empty path component at
    /// the end, "dir/", makes a directory; "bin/init*" makes an executable file).
    void add_disk(const std::string& device, const Filesystem& filesystem,
                  const std::map<std::string, std::string>& files = {});
    /// Another block device with what a disk holds.
    void add_alias(const std::string& device, const std::string& disk);
    /// The bytes of a disk, from which its file system is independent.
    void set_bytes(const std::string& disk, std::string bytes);
    /// An image file with a file system, to be attached as a loop device.
    void add_image(const std::string& path, const Filesystem& filesystem,
                   const std::map<std::string, std::string>& files = {});
    /// Runs at that time after now, as a device event.
    void after(milliseconds delay, std::function<void()> happens);
    /// Runs when the attribute is written to; an error is the kernel's answer.
    using Effect = std::function<Result<>(std::string_view value)>;
    void when_written(const std::string& path, Effect effect) { effects_[path] = std::move(effect); }
    void add_kernel_message(const std::string& line) { kernel_log_ += line + "\n"; }
    /// Answers an `exchange` with this device.
    using Answer = std::function<Result<std::string>(std::string_view request)>;
    void add_device(const std::string& path, Answer answer) { answers_[path] = std::move(answer); }
    /// Returns the errno with which the kernel refuses a mount before it looks for its source, or 0.
    std::function<int(const MountRequest&)> refuse_mount = [](const MountRequest&) { return 0; };
    /// Whether the server behind a path is silent: a caller without a time limit ends the test.
    std::function<bool(const std::string& path)> is_away = [](const std::string&) { return false; };
    void add_security_label(const std::string& path, const std::string& label) {
        security_labels_[path] = label;
    }
    void add_missing_module(const std::string& name) { missing_modules_.insert(name); }
    std::function<void(const std::string& module)> when_loaded = [](const std::string&) {};

    // Looking at what became of it.
    Transcript& transcript() { return transcript_; }
    std::optional<std::string> file(const std::string& path) const;
    std::optional<unsigned> mode(const std::string& path) const;
    /// The targets of all mounts, in order.
    std::vector<std::string> mounts() const;
    std::vector<std::string> loop_devices() const;
    const std::vector<std::string>& loaded_modules() const { return loaded_modules_; }
    /// The key of the bounded write that is under way.
    const std::optional<KernelKey>& key() const { return key_; }
    const std::string& host_name() const { return host_name_; }
    const std::string& switched_root() const { return switched_root_; }
    const std::vector<std::string>& executed() const { return executed_; }
    const std::optional<MachineEnd>& ended() const { return ended_; }
    const std::vector<Resident>& started_residents() const { return started_residents_; }
    /// The next residents that are waited for end so, in the order of their start; then all end well.
    void fail_residents(std::queue<std::string> failures) { resident_failures_ = std::move(failures); }
    /// The times at which the watchdog was petted.
    const std::vector<Time>& petted() const { return petted_; }
    const std::vector<int>& retired_residents() const { return retired_residents_; }
    /// Returns what is recorded.
    const std::optional<ReadRecording>& recording() const { return recording_; }
    const std::vector<std::string>& carried_mounts() const { return carried_mounts_; }
    /// Does the work that waits for a soft reboot.
    void soft_reboot() {
        std::exchange(after_soft_reboot_, [](System&) {})(*this);
    }
    /// The arguments of `load_kernel`: the contents of both files, and the command line.
    struct LoadedKernel {
        std::string kernel;
        std::string initramfs;
        std::string command_line;
    };
    const std::optional<LoadedKernel>& loaded_kernel() const { return loaded_kernel_; }
    void use_device(const std::string& device, bool is_used) {
        is_used ? static_cast<void>(devices_in_use_.insert(device))
                : static_cast<void>(devices_in_use_.erase(device));
    }
    void lose_wall_clock() { wall_clock_ = WallTime{}; }
    void advance(milliseconds duration) { now_ += duration; }

    Result<std::string> read_file(const std::string& path) override;
    Result<> write_file(const std::string& path, std::string_view contents, unsigned mode) override;
    Result<> copy_file(const std::string& source, const std::string& target, unsigned mode) override;
    Result<> append_file(const std::string& path, ByteView bytes) override;
    Result<> write_attribute(const std::string& path, std::string_view value) override;
    Result<> write_bounded(const BoundedWrite& request) override;
    Result<> set_mode(const std::string& path, unsigned mode) override;
    Result<std::string> exchange(const std::string& device, std::string_view request) override;
    Result<std::vector<std::string>> list_directory(const std::string& path) override;
    Result<std::string> read_part(const std::string& path, uint64_t offset, size_t count) override;
    PathKind path_kind(const std::string& path) override;
    Result<std::string> read_link(const std::string& path) override;
    Result<> make_link(const std::string& path, const std::string& target) override;
    Result<> make_directory(const std::string& path, unsigned mode) override;
    Result<> rename(const std::string& path, const std::string& new_path) override;
    Result<> remove_directory(const std::string& path) override;
    Result<std::string> resolve_in_root(const std::string& root, const std::string& path) override;
    bool is_executable(const std::string& path) override;
    bool is_device_ready(const std::string& device) override {
        return path_kind(device) == PathKind::block_device;
    }
    bool is_device_in_use(const std::string& device) override { return devices_in_use_.contains(device); }
    Result<> mount(const MountRequest& request) override;
    Result<> mount_overlay(const OverlayRequest& request) override;
    Result<> unmount(const std::string& target) override;
    Result<> unmount_tree(const std::string& target) override;
    Result<std::string> security_label(const std::string& path) override;
    Result<> set_security_label(const std::string& path, const std::string& label) override;
    Result<> switch_root(const std::string& new_root) override;
    Result<> execute(const std::vector<std::string>& arguments) override;
    Result<std::string> attach_loop(const LoopRequest& request) override;
    Result<> detach_loop(const std::string& device) override;
    Result<> load_module(const std::string& name_or_alias, const std::string& parameters) override;
    Result<Filesystem> probe_filesystem(const std::string& device) override;
    Result<std::string> find_device(const std::string& tag, const std::string& value) override;
    Result<std::string> kernel_log() override;
    Result<> start_in_shelter(const std::function<void(System&)>& work,
                              const std::vector<int>& kept) override;
    Result<std::shared_ptr<uint8_t>> share_memory(size_t size) override;
    Result<int> start_resident(const Resident& resident) override;
    ResidentEnd wait_for_resident() override;
    void end_resident(int process) override;
    Result<seconds> open_watchdog(seconds timeout) override;
    void pet_watchdog() override { petted_.push_back(now_); }
    void stop_watchdog() override;
    Result<> retire_resident(int process) override;
    Result<> record_reads(const ReadRecording& wanted) override;
    Result<int> start_across_roots(const std::string& new_root, const std::vector<std::string>& carried,
                                   const std::function<void(System&)>& work) override;
    Result<> end_process(int process) override;
    Result<> ask_storage(const std::string& path, milliseconds time_limit) override;
    Result<std::string> run_bounded(const std::string& operation, milliseconds time_limit,
                                    const Action& action) override;
    void write_out() override { static_cast<void>(transcript_.record("writing out").has_value()); }
    Result<> load_kernel(const std::string& kernel, const std::string& initramfs,
                         const std::string& command_line) override;
    Result<> unload_kernel() override;
    void end_machine(MachineEnd end) override { ended_ = end; }
    Time now() override { return now_; }
    WallTime wall_clock() override { return wall_clock_; }
    Result<> set_wall_clock(WallTime time) override;
    Result<bool> wait_for_device_event(Deadline deadline) override;
    void sleep(milliseconds duration) override;
    Result<Bytes> random_bytes(size_t count) override;
    Result<> set_host_name(const std::string& name) override;
    Network& network() override { return *network_; }
    IscsiTransport& iscsi_transport() override { return *iscsi_transport_; }
    NbdDevices& nbd_devices() override { return *nbd_devices_; }
    FuseConnections& fuse_connections() override { return *fuse_connections_; }
    UblkDevices& ublk_devices() override { return *ublk_devices_; }
    DeviceMapper& device_mapper() override { return *device_mapper_; }
    Downloads& downloads() override { return *downloads_; }
    CacheDisks& cache_disks() override { return *cache_disks_; }
    Archives& archives() override { return *archives_; }

  private:
    struct MountPoint {
        std::string target;
        std::shared_ptr<Tree> tree;
        std::string prefix; ///< the directory of the tree that is mounted: "" or "/dir"
        bool read_only = false;
    };
    struct Disk {
        Filesystem filesystem;
        std::shared_ptr<Tree> tree;
    };
    struct Place {
        const MountPoint* mount;
        std::string path; ///< inside the tree
    };
    Place locate(const std::string& path) const;
    const Node* find(const std::string& path) const;
    Result<> put(const std::string& path, Node node, const std::string& operation);
    std::unexpected<Error> wait_for_ever(const std::string& operation);
    Result<> need_directory(const std::string& path, const std::string& operation) const;
    static void add_to_tree(Tree& tree, const std::string& path, Node node);
    static std::shared_ptr<Tree> make_tree(const std::map<std::string, std::string>& files);

    Transcript& transcript_;
    std::vector<MountPoint> mounts_ = {{"", std::make_shared<Tree>(), "", false}};
    std::map<std::string, Disk> disks_;
    std::map<std::string, Disk> images_;
    std::map<std::string, std::string> loops_; ///< device to file
    std::multimap<Time, std::function<void()>> events_;
    bool has_slept_over_event_ = false;
    unsigned bounded_actions_ = 0; ///< under way
    bool is_waiting_for_ever_ = false;
    std::set<std::string> missing_modules_;
    std::map<std::string, Answer> answers_;
    std::map<std::string, Effect> effects_;
    std::optional<KernelKey> key_;
    std::map<std::string, std::string> security_labels_; ///< by path
    std::string kernel_log_;
    std::vector<std::string> loaded_modules_;
    std::string host_name_;
    std::string switched_root_;
    std::vector<std::string> executed_;
    std::vector<Resident> started_residents_; ///< the number of each is its process
    std::queue<int> running_residents_;
    std::vector<Time> petted_;
    std::queue<std::string> resident_failures_;
    std::vector<int> retired_residents_;
    std::vector<std::string> carried_mounts_;
    std::optional<ReadRecording> recording_;
    std::function<void(System&)> after_soft_reboot_ = [](System&) {};
    std::set<std::string> devices_in_use_;
    std::optional<LoadedKernel> loaded_kernel_;
    std::optional<MachineEnd> ended_;
    Time now_ = Time{} + std::chrono::hours(1);
    WallTime wall_clock_ = WallTime(std::chrono::sys_days(std::chrono::year(2040) / 1 / 1));
    Network* network_ = nullptr;
    IscsiTransport* iscsi_transport_ = nullptr;
    NbdDevices* nbd_devices_ = nullptr;
    FuseConnections* fuse_connections_ = nullptr;
    UblkDevices* ublk_devices_ = nullptr;
    DeviceMapper* device_mapper_ = nullptr;
    Downloads* downloads_ = nullptr;
    CacheDisks* cache_disks_ = nullptr;
    Archives* archives_ = nullptr;
};

} // namespace mangrove
