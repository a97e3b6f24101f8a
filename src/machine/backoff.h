#pragma once

#include "base/result.h"
#include "system/system.h"

namespace mangrove {

/// The pauses between tries: each is twice as long as the one before, and a little different on each node, so
/// that a thousand of them do not ask their server in step.
class Backoff {
  public:
    Backoff(System& system, milliseconds first, milliseconds longest)
        : system_(system), first_(first), longest_(longest) {}

    Result<> wait();
    void reset() { pause_ = first_; }

  private:
    System& system_;
    milliseconds first_;
    milliseconds longest_;
    milliseconds pause_ = first_;
};

/// A random part of a time.
Result<milliseconds> part_of(System& system, milliseconds whole);

} // namespace mangrove
