#pragma once

#include "lazy/kernel_channel.h"
#include "system/ublk_devices.h"

namespace mangrove::lazy {

/// A device of the kernel's ublk driver, from the server's side.
class UblkChannel : public KernelChannel {
  public:
    explicit UblkChannel(UblkQueue& queue) : queue_(queue) {}

    const UniqueFd& descriptor() const override { return queue_.descriptor(); }
    void take(const Note& note) override;
    bool answer(PendingRead& read, std::span<const ByteView> data) override;
    void refuse(uint64_t cookie, KernelError error) override;

  private:
    UblkQueue& queue_;
};

} // namespace mangrove::lazy
