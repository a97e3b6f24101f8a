#pragma once

#include <queue>
#include <string>
#include <vector>

#include "system/fake/transcript.h"
#include "system/ublk_devices.h"

namespace mangrove {

/// A kernel with one device, whose requests the test gives.
class FakeUblkDevices : public UblkDevices {
  public:
    explicit FakeUblkDevices(Transcript& transcript) : transcript_(transcript) {}

    uint64_t size = 0; ///< of the device; 0: there is none
    /// So often the kernel has not yet seen that the earlier process has ended.
    unsigned busy = 0;
    /// The requests, one after the other. Afterwards the device is being removed.
    std::queue<UblkRequest> requests;
    /// Each as "TAG: BYTES" or "TAG: -ERRNO".
    std::vector<std::string> answers;
    /// The errno with which the kernel takes answers.
    int refusal = 0;

    Result<UblkDevice> add(uint64_t bytes, uint32_t longest) override;
    Result<std::unique_ptr<UblkQueue>> serve(const UblkDevice& device) override;
    Result<> remove(const UblkDevice& device) override;

  private:
    Transcript& transcript_;
};

} // namespace mangrove
