#include <cerrno>
#include <chrono>
#include <utility>

#include "attach/attach.h"
#include "attach/served_device.h"
#include "base/log.h"
#include "lazy/nbd_channel.h"
#include "machine/watched_connection.h"
#include "system/nbd_devices.h"

// The device of a served file over the kernel's client of NBD, whose connection is a pair of sockets.

namespace mangrove {

namespace {

constexpr uint16_t kFlags = 3; ///< NBD_FLAG_HAS_FLAGS, NBD_FLAG_READ_ONLY

class ServedNbd : public ServedDevice {
  public:
    ServedNbd(UniqueFd connection, uint32_t device) : device_(device) { connection_ = std::move(connection); }

    Result<std::string> attach(System& system) override {
        std::string path = text("/dev/nbd", device_);
        TRY(wait_for_device(system, path));
        TRY(system.write_attribute(text("/sys/block/nbd", device_, "/queue/max_sectors_kb"),
                                   text(kLongestServedRead / 1024)));
        return path;
    }
    Result<> detach(System& system) override { return system.nbd_devices().disconnect(device_); }
    Result<> be_patient(System& system) override {
        // It is for the server to wait, and there is always one. The kernel knows no "for ever".
        constexpr seconds kTenYears{std::chrono::hours(24 * 3650)};
        return system.nbd_devices().set_dead_timeout(device_, kTenYears);
    }
    Result<> give_up(System& system) override { return detach(system); }
    /// Only a device that is connected has this file.
    bool is_gone(System& system, std::optional<lazy::ServingEnd>) const override {
        return system.path_kind(text("/sys/block/nbd", device_, "/pid")) == PathKind::missing;
    }

    std::unique_ptr<lazy::KernelChannel> open_channel(System& system, lazy::SharedState&) const override {
        return std::make_unique<lazy::NbdChannel>(system, connection_);
    }
    bool is_outdated(const lazy::SharedState& state) const override { return number_ != state.connection; }
    Result<> reconnect(System& system, lazy::SharedState& state) override {
        log_warning("the connection of /dev/nbd", device_,
                    " to its server is broken off; making another one");
        TRY(replace(system, state), "giving /dev/nbd", device_, " another connection");
        return {};
    }

  private:
    Result<> replace(System& system, lazy::SharedState& state) {
        constexpr milliseconds kStep{20};
        constexpr seconds kPatience{5};
        NbdDevices& devices = system.nbd_devices();
        devices.hang_up(connection_);
        // The kernel takes none before it has seen that the other one is dead.
        for (Deadline deadline = system.now() + kPatience;; system.sleep(kStep)) {
            NbdSockets sockets = TRY(devices.make_sockets());
            Result<> taken = devices.replace_dead(device_, std::move(sockets.kernel));
            bool is_too_early = !taken && taken.error().code == ENOSPC && system.now() < deadline;
            if (is_too_early) continue;
            if (!taken) return taken;
            connection_ = std::move(sockets.server);
            number_ = ++state.connection;
            return {};
        }
    }

    uint32_t device_;
    uint32_t number_ = 0; ///< of the connection that this process has
};

} // namespace

Result<std::unique_ptr<ServedDevice>> open_served_nbd(System& system, uint64_t size) {
    NbdSockets sockets = TRY(system.nbd_devices().make_sockets());
    NbdDeviceRequest request;
    request.size = size;
    request.server_flags = kFlags;
    request.dead_timeout = patience_in_boot(seconds(-1));
    request.connections.push_back(std::move(sockets.kernel));
    uint32_t device = TRY(system.nbd_devices().connect(std::move(request)));
    return std::make_unique<ServedNbd>(std::move(sockets.server), device);
}

} // namespace mangrove
