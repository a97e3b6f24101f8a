#pragma once

#include "base/unique_fd.h"
#include "system/linux/archives.h"
#include "system/linux/cache_disk.h"
#include "system/linux/device_mapper.h"
#include "system/linux/downloads.h"
#include "system/linux/fuse_connections.h"
#include "system/linux/iscsi_transport.h"
#include "system/linux/nbd_devices.h"
#include "system/linux/network.h"
#include "system/linux/ublk_devices.h"
#include "system/system.h"

struct kmod_ctx;

namespace mangrove {

/// The real machine. The only place that reads errno, besides the seams that it owns.
class LinuxSystem : public System {
  public:
    /// A process that waits for no device leaves their events alone: they would fill its socket.
    enum class DeviceEvents { heard, ignored };
    explicit LinuxSystem(DeviceManager manager = DeviceManager::kernel,
                         DeviceEvents device_events = DeviceEvents::heard);
    ~LinuxSystem() override;
    LinuxSystem(const LinuxSystem&) = delete;
    LinuxSystem& operator=(const LinuxSystem&) = delete;

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
    bool is_device_ready(const std::string& device) override;
    bool is_device_in_use(const std::string& device) override;
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
    void pet_watchdog() override;
    void stop_watchdog() override;
    Result<> retire_resident(int process) override;
    Result<> record_reads(const ReadRecording& wanted) override;
    Result<int> start_across_roots(const std::string& new_root, const std::vector<std::string>& carried,
                                   const std::function<void(System&)>& work) override;
    Result<> end_process(int process) override;
    Result<> ask_storage(const std::string& path, milliseconds time_limit) override;
    Result<std::string> run_bounded(const std::string& operation, milliseconds time_limit,
                                    const Action& action) override;
    void write_out() override;
    Result<> load_kernel(const std::string& kernel, const std::string& initramfs,
                         const std::string& command_line) override;
    Result<> unload_kernel() override;
    void end_machine(MachineEnd end) override;
    Time now() override { return Clock::now(); }
    WallTime wall_clock() override;
    Result<> set_wall_clock(WallTime time) override;
    Result<bool> wait_for_device_event(Deadline deadline) override;
    void sleep(milliseconds duration) override;
    Result<Bytes> random_bytes(size_t count) override;
    Result<> set_host_name(const std::string& name) override;
    Network& network() override { return network_; }
    IscsiTransport& iscsi_transport() override { return iscsi_transport_; }
    NbdDevices& nbd_devices() override { return nbd_devices_; }
    FuseConnections& fuse_connections() override { return fuse_connections_; }
    UblkDevices& ublk_devices() override { return ublk_devices_; }
    DeviceMapper& device_mapper() override { return device_mapper_; }
    Downloads& downloads() override { return downloads_; }
    CacheDisks& cache_disks() override { return cache_disks_; }
    Archives& archives() override { return archives_; }

  private:
    Result<kmod_ctx*> module_context();

    LinuxNetwork network_;
    LinuxIscsiTransport iscsi_transport_;
    LinuxNbdDevices nbd_devices_;
    LinuxFuseConnections fuse_connections_;
    LinuxUblkDevices ublk_devices_;
    LinuxDeviceMapper device_mapper_;
    LinuxDownloads downloads_;
    LinuxCacheDisks cache_disks_{*this};
    LinuxArchives archives_;
    UniqueFd device_events_; ///< opened before anything can happen, so that no event is lost
    UniqueFd watchdog_;
    kmod_ctx* module_context_ = nullptr;
};

} // namespace mangrove
