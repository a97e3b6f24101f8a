#pragma once

#include "system/cache_disk.h"
#include "system/system.h"

namespace mangrove {

/// Disks past the page cache, and the processes for them.
class LinuxCacheDisks : public CacheDisks {
  public:
    explicit LinuxCacheDisks(System& system) : system_(system) {}
    Result<Opened> open(const std::string& device) override;
    Result<std::unique_ptr<CacheDisk>> start(const UniqueFd& disk, const std::string& name) override;

  private:
    System& system_;
};

} // namespace mangrove
