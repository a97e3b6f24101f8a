#pragma once

#include <optional>
#include <vector>

#include "lazy/cached_file.h"
#include "lazy/kernel_channel.h"
#include "lazy/source.h"

namespace mangrove::lazy {

/// While the root is assembled a read fails after ten seconds without an answer; afterwards none ever does.
enum class Phase { assembly, root };

/// The kernel's side of a device: its reads, which stand in the shared memory until they are answered.
class KernelReads {
  public:
    /// Takes over the reads that an earlier process has left. `generation` is that of `take_over`.
    KernelReads(System& system, const Source& source, SharedState& state, CachedFile& file,
                KernelChannel& channel, uint32_t generation, Phase phase);

    /// In the order in which the kernel asked.
    std::vector<Read>& reads() { return reads_; }
    const UniqueFd& descriptor() const { return channel_.descriptor(); }
    void take_request();
    /// True if some were answered, so that there is room for others.
    bool answer_ready();
    void fail_overdue();
    /// When the next read fails.
    Deadline next_deadline() const;
    /// Why the serving ends.
    std::optional<ServingEnd> end() const { return is_taken_over_ ? ServingEnd::taken_over : channel_.end(); }

  private:
    bool enter();
    void leave() { state_.is_busy = 0; }
    void add_read(size_t number);
    void note(const KernelRead& read);
    void forget_earlier(const KernelRead& read);
    bool answer(const Read& read);
    void forget(const Read& read);

    System& system_;
    const Source& source_;
    SharedState& state_;
    CachedFile& file_;
    KernelChannel& channel_;
    uint32_t generation_;
    Phase phase_;
    std::vector<Read> reads_;
    uint64_t order_ = 0;
    bool is_taken_over_ = false;
};

} // namespace mangrove::lazy
