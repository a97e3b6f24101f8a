#include "lazy/serve.h"

#include <algorithm>

namespace mangrove::lazy {

std::optional<uint32_t> take_over(System& system, const SharedMemory& memory) {
    constexpr milliseconds kStep{1};
    constexpr seconds kPatience{1}; // a message takes a moment
    SharedState& state = memory.state();
    uint32_t generation = ++state.generation;
    for (Deadline deadline = system.now() + kPatience; state.is_busy != 0 && system.now() < deadline;)
        system.sleep(kStep);
    if (state.is_busy == 0) return generation;
    // The others stay: until the kernel asks again, after 30 s, it takes their answers over the next
    // connection. Of this one it may have the whole answer, and would end the connection at another one.
    for (PendingRead& pending : state.pending)
        if (pending.is_begun) pending.length = 0;
    state.is_busy = 0;
    return std::nullopt;
}

ServingEnd serve(System& system, const Source& source, const SharedMemory& memory, KernelChannel& channel,
                 uint32_t generation, Phase phase, const Tell& tell) {
    CachedFile file(memory, source, system.now());
    DiskCache disk(system, source.disk.get(), file.cache(), source.pieces());
    Fill fill(system, source, file, disk);
    Fetches fetches(system, source, memory.state(), file, disk, fill, phase == Phase::root, tell);
    KernelReads kernel(system, source, memory.state(), file, channel, generation, phase);
    for (;;) {
        disk.work();
        do
            file.admit(kernel.reads());
        while (kernel.answer_ready());
        kernel.fail_overdue();
        bool is_idle = phase == Phase::root && kernel.reads().empty() && fetches.is_idle();
        if (is_idle) fill.work();
        fetches.fetch_wanted(kernel.reads());
        fetches.tell_state();
        if (kernel.end()) return *kernel.end();
        Deadline deadline = std::min(kernel.next_deadline(), disk.deadline());
        if (is_idle && fetches.is_idle()) deadline = std::min(deadline, fill.deadline());
        if (fetches.wait(kernel.descriptor(), deadline)) kernel.take_request();
    }
}

} // namespace mangrove::lazy
