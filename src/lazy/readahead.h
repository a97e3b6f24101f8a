#pragma once

#include <array>
#include <cstdint>

namespace mangrove::lazy {

/// Tells sequential reads from others. Each of some streams has a window that doubles while the reads go on
/// where they ended; other reads have none.
class Readahead {
  public:
    /// Notes a read of pieces. Returns how many pieces after it are worth having before they are asked for.
    uint64_t after(uint64_t first, uint64_t count) {
        constexpr uint64_t kFirstWindow = 4, kLargestWindow = 64;
        ++time_;
        for (Stream& stream : streams_) {
            // Two reads in a row may share the piece at their border.
            bool goes_on = stream.last_read != 0 && first <= stream.next && first + 1 >= stream.next;
            if (!goes_on) continue;
            stream.last_read = time_;
            if (first + count <= stream.next) return stream.window;
            stream.next = first + count;
            stream.window = stream.window == 0               ? kFirstWindow
                            : stream.window < kLargestWindow ? stream.window * 2
                                                             : kLargestWindow;
            return stream.window;
        }
        Stream* oldest = streams_.data();
        for (Stream& stream : streams_)
            if (stream.last_read < oldest->last_read) oldest = &stream;
        *oldest = {.next = first + count, .window = 0, .last_read = time_};
        return 0;
    }

  private:
    struct Stream {
        uint64_t next = 0; ///< the piece after those that were read
        uint64_t window = 0;
        uint64_t last_read = 0; ///< 0: never
    };
    std::array<Stream, 8> streams_ = {};
    uint64_t time_ = 0;
};

} // namespace mangrove::lazy
