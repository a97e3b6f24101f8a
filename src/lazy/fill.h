#pragma once

#include "lazy/cached_file.h"
#include "lazy/disk_cache.h"
#include "lazy/source.h"

namespace mangrove::lazy {

/// Exists once the running system has reached multi-user.target.
inline constexpr const char* kMultiUserFifo = "/run/mangrove/keeper/multi-user";

/// Has the parts of the file read ahead that nobody has asked for, at the rate of the source, until the cache
/// holds all of it: that on the disk, or that in memory where it is large enough.
class Fill {
  public:
    Fill(System& system, const Source& source, CachedFile& file, DiskCache& disk);

    /// Goes on with the next pieces when it is time. Only for when nothing else is asked for.
    void work();
    /// When it is time.
    Deadline deadline() const { return next_; }
    /// How much of the file the cache holds, in bytes.
    uint64_t held() const;

  private:
    bool can_hold_all() const;
    bool is_there(uint64_t piece);
    bool has_begun();

    System& system_;
    const Source& source_;
    CachedFile& file_;
    DiskCache& disk_;
    uint64_t piece_ = 0;
    Deadline next_ = Deadline::max();
    bool is_multi_user_ = false;
};

} // namespace mangrove::lazy
