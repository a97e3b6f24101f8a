#pragma once

#include <functional>
#include <optional>
#include <span>

#include "base/text.h"
#include "base/unique_fd.h"
#include "lazy/shared.h"

namespace mangrove::lazy {

/// Why the serving has ended: the kernel has let the connection go, what came over it cannot be understood,
/// or another process has taken over.
enum class ServingEnd { let_go, broken, taken_over };

/// In the numbers of the protocols.
enum class KernelError : uint32_t { none = 0, not_permitted = 1, io = 5, invalid = 22, unknown = 38 };

/// A read as the kernel asks for it, in bytes.
struct KernelRead {
    uint64_t cookie = 0;
    uint64_t offset = 0;
    uint32_t length = 0;
};

/// The seam to the kernel's driver of the device: how its requests come, and how answers go back.
class KernelChannel {
  public:
    virtual ~KernelChannel() = default;

    /// Can be read when the kernel has a request.
    virtual const UniqueFd& descriptor() const = 0;
    /// Whether an earlier process has taken a request that is neither noted nor answered.
    virtual bool has_left() const { return false; }
    /// Takes a request. A read goes to `note`, which writes it into the shared memory or refuses it;
    /// everything else is answered at once.
    using Note = std::function<void(const KernelRead&)>;
    virtual void take(const Note& note) = 0;
    /// Answers a read with its data. False when the read has to be answered again over the next connection.
    virtual bool answer(PendingRead& read, std::span<const ByteView> data) = 0;
    virtual void refuse(uint64_t cookie, KernelError error) = 0;

    /// Why the connection is of no more use.
    std::optional<ServingEnd> end() const { return end_; }

  protected:
    std::optional<ServingEnd> end_;
};

} // namespace mangrove::lazy
