#include <cerrno>
#include <utility>

#include "attach/attach.h"
#include "attach/served_device.h"
#include "lazy/ublk_channel.h"
#include "system/ublk_devices.h"

// The device of a served file where the kernel has neither nbd nor fuse and loop: its ublk driver. A
// connection is that of one process: the next one makes its own when that process has ended, and the kernel
// asks again what was not answered.

namespace mangrove {

namespace {

/// A read that waits for the server of the file fails after ten seconds.
constexpr seconds kTimeToDetach{15};

class ServedUblk : public ServedDevice {
  public:
    explicit ServedUblk(UblkDevice device) : device_(std::move(device)) {}

    Result<std::string> attach(System& system) override {
        TRY(wait_for_device(system, path()));
        return path();
    }
    Result<> detach(System& system) override {
        return run_bounded(system, "detaching " + path(), kTimeToDetach,
                           [&] { return system.ublk_devices().remove(device_); });
    }
    /// Its server is the one that waits.
    Result<> be_patient(System&) override { return {}; }
    /// A machine ends without it as well.
    Result<> give_up(System&) override { return {}; }
    bool is_gone(System& system, std::optional<lazy::ServingEnd>) const override {
        return system.path_kind(text("/sys/block/ublkb", device_.number)) == PathKind::missing;
    }

    std::vector<int> descriptors() const override { return {device_.control.get(), device_.node.get()}; }
    std::unique_ptr<lazy::KernelChannel> open_channel(System&, lazy::SharedState&) const override {
        return std::make_unique<lazy::UblkChannel>(*queue_);
    }
    bool is_outdated(const lazy::SharedState& state) const override { return number_ != state.connection; }
    Result<> reconnect(System& system, lazy::SharedState& state) override {
        constexpr milliseconds kStep{20};
        constexpr seconds kPatience{5};
        queue_.reset();
        for (Deadline deadline = system.now() + kPatience;; system.sleep(kStep)) {
            Result<std::unique_ptr<UblkQueue>> queue = system.ublk_devices().serve(device_);
            bool is_too_early = !queue && queue.error().code == EBUSY && system.now() < deadline;
            if (is_too_early) continue;
            if (!queue) return std::unexpected(queue.error());
            queue_ = std::move(*queue);
            number_ = ++state.connection;
            // The kernel asks for all of them again.
            for (lazy::PendingRead& read : state.pending)
                read.length = 0;
            return {};
        }
    }

  private:
    std::string path() const { return text("/dev/ublkb", device_.number); }

    UblkDevice device_;
    std::unique_ptr<UblkQueue> queue_;
    std::optional<uint32_t> number_; ///< of the connection that this process has
};

} // namespace

Result<std::unique_ptr<ServedDevice>> open_served_ublk(System& system, uint64_t size) {
    return std::make_unique<ServedUblk>(TRY(system.ublk_devices().add(size, kLongestServedRead)));
}

} // namespace mangrove
