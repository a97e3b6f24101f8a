#pragma once

#include <deque>

#include "system/cache_disk.h"
#include "system/fake/transcript.h"

namespace mangrove {

/// Disks in memory. A request has ended at once, unless the disk hangs.
class FakeCacheDisks : public CacheDisks {
  public:
    explicit FakeCacheDisks(Transcript& transcript) : transcript_(transcript) {}

    std::string bytes; ///< of the one disk
    bool hangs = false;
    int problem = 0; ///< an errno of all requests
    size_t reads = 0;
    size_t writes = 0;
    size_t bytes_written = 0;

    Result<Opened> open(const std::string& device) override;
    Result<std::unique_ptr<CacheDisk>> start(const UniqueFd& disk, const std::string& name) override;

  private:
    Transcript& transcript_;
};

} // namespace mangrove
