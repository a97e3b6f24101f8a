#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/result.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace mangrove {

/// A block device of the kernel's whose requests a process answers: /dev/ublkb3.
struct UblkDevice {
    uint32_t number = 0;
    UniqueFd control = {}; ///< /dev/ublk-control
    UniqueFd node = {};    ///< of /dev/ublkc3, which one process at a time has open
};

struct UblkRequest {
    uint16_t tag = 0; ///< that its answer has
    bool is_read = false;
    uint64_t offset = 0; ///< in bytes
    uint32_t length = 0;
};

/// The requests of a device, for the process that has made this object and for no other one. They are the
/// kernel's until they are answered: whoever answers the device next gets them again.
class UblkQueue {
  public:
    virtual ~UblkQueue() = default;

    /// Can be read when there is a request.
    virtual const UniqueFd& descriptor() const = 0;
    /// Nothing when there is no request. ENODEV: the device is being removed.
    virtual Result<std::optional<UblkRequest>> take() = 0;
    virtual Result<> answer(uint16_t tag, std::span<const ByteView> parts) = 0;
    /// Makes a request fail; `error` is an errno.
    virtual Result<> refuse(uint16_t tag, int error) = 0;
};

/// The seam to the kernel's ublk driver (Documentation/block/ublk.rst). The module must be loaded.
class UblkDevices {
  public:
    virtual ~UblkDevices() = default;

    /// Makes a device that can only be read, of `size` bytes. Its block device is there when a process
    /// answers it. `longest` is that of its requests, in bytes.
    virtual Result<UblkDevice> add(uint64_t size, uint32_t longest) = 0;
    /// Makes this process the one that answers the device. EBUSY as long as the kernel has not seen the end
    /// of the one before.
    virtual Result<std::unique_ptr<UblkQueue>> serve(const UblkDevice& device) = 0;
    /// Waits for the answers that are due, and for the end of the process that gives them.
    virtual Result<> remove(const UblkDevice& device) = 0;
};

} // namespace mangrove
