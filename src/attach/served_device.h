#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "lazy/kernel_channel.h"
#include "system/system.h"

namespace mangrove {

/// The longest read, in bytes. Longer ones would have to have more room in the cache.
inline constexpr uint32_t kLongestServedRead = 512 << 10;

/// A block device whose server is a process of ours, over one of the kernel's drivers.
class ServedDevice {
  public:
    virtual ~ServedDevice() = default;

    /// Makes the block device, which a process serves by now. Returns its path, "/dev/nbd3".
    virtual Result<std::string> attach(System& system) = 0;
    /// Takes back what there is of it.
    virtual Result<> detach(System& system) = 0;
    /// Lets reads wait for the server for ever.
    virtual Result<> be_patient(System& system) = 0;
    /// Makes what waits for the server fail, for a machine that is to end without it.
    virtual Result<> give_up(System& system) = 0;
    /// Whether the device is gone; `end` is how the last serving of it ended.
    virtual bool is_gone(System& system, std::optional<lazy::ServingEnd> end) const = 0;

    /// The descriptors that every process needs that is to serve the device.
    virtual std::vector<int> descriptors() const { return {connection_.get()}; }
    virtual std::unique_ptr<lazy::KernelChannel> open_channel(System& system,
                                                              lazy::SharedState& state) const = 0;
    /// Whether an earlier process has made another connection since this one, or this one has none.
    virtual bool is_outdated(const lazy::SharedState& state) const = 0;
    /// Makes the connection usable again after a process died in the midst of a message, or one for this
    /// process.
    virtual Result<> reconnect(System& system, lazy::SharedState& state) = 0;

  protected:
    UniqueFd connection_; ///< the end that the server has
};

/// Makes what the device of a file with this size, in bytes, needs before its server starts.
using OpenServedDevice = Result<std::unique_ptr<ServedDevice>> (*)(System& system, uint64_t size);

/// With the driver of this kernel. The module must be loaded.
Result<std::unique_ptr<ServedDevice>> open_served_nbd(System& system, uint64_t size);
Result<std::unique_ptr<ServedDevice>> open_served_loop(System& system, uint64_t size);
Result<std::unique_ptr<ServedDevice>> open_served_ublk(System& system, uint64_t size);

/// Loads a driver that this kernel has.
Result<OpenServedDevice> choose_driver(System& system);

} // namespace mangrove
