#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace mangrove::lazy {

/// Tells sequential reads from others. Each of some streams has a window of half of what was read in a row;
/// other reads have none.
class Readahead {
  public:
    /// Notes a read of pieces. Returns how many pieces after it are worth having before they are asked for.
    uint64_t after(uint64_t first, uint64_t count) {
        ++time_;
        for (Stream& stream : streams_) {
            // Two reads in a row may share the piece at their border.
            bool goes_on = stream.last_read != 0 && first <= stream.next && first + 1 >= stream.next;
            if (!goes_on) continue;
            stream.last_read = time_;
            stream.next = std::max(stream.next, first + count);
            return stream.window();
        }
        Stream* oldest = streams_.data();
        for (Stream& stream : streams_)
            if (stream.last_read < oldest->last_read) oldest = &stream;
        *oldest = {.begin = first, .next = first + count, .last_read = time_};
        return 0;
    }

  private:
    struct Stream {
        uint64_t begin = 0;
        uint64_t next = 0;      ///< the piece after those that were read
        uint64_t last_read = 0; ///< 0: never

        uint64_t window() const {
            constexpr uint64_t kLargest = 64;
            return std::min(kLargest, (next - begin) / 2);
        }
    };
    std::array<Stream, 8> streams_ = {};
    uint64_t time_ = 0;
};

} // namespace mangrove::lazy
