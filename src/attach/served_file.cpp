#include "attach/served_file.h"

#include <utility>

#include "base/log.h"
#include "lazy/disk_cache.h"

namespace mangrove {

Result<> ServedFile::start(System& system) {
    Resident server = {.name = name(), .run = [this](System& own_system) {
                           uint32_t generation = lazy::take_over(own_system, memory_).value_or(0);
                           if (device_->is_outdated(memory_.state()))
                               generation = reconnect_until_done(own_system);
                           serve(own_system, generation, lazy::Phase::assembly, [](const ServedState&) {});
                       }};
    memory_.state().process_of_assembly = TRY(system.start_resident(server));
    return {};
}

void ServedFile::end(System& system) {
    if (int process = memory_.state().process_of_assembly.exchange(0); process > 0)
        system.end_resident(process);
}

Result<std::optional<std::string>> ServedFile::wait_for_loss(System&, Deadline) {
    if (memory_.state().has_failed == 0) return std::nullopt;
    return "the server did not answer a read for 10 s";
}

std::vector<int> ServedFile::descriptors() const {
    std::vector<int> descriptors = device_->descriptors();
    if (source_->disk) descriptors.push_back(source_->disk->disk.get());
    return descriptors;
}

lazy::ServingEnd ServedFile::serve(System& system, uint32_t generation, lazy::Phase phase, const Tell& tell) {
    std::unique_ptr<lazy::KernelChannel> channel = device_->open_channel(system, memory_.state());
    return lazy::serve(system, *source_, memory_, *channel, generation, phase, tell);
}

/// The process of the boot, which does not touch the connection any more.
void ServedFile::end_earlier(System& system) {
    int process = memory_.state().process_of_assembly.exchange(0);
    if (process <= 0) return;
    if (Result<> ended = system.end_process(process); !ended) log_notice(ended.error().what, ", ignoring");
}

uint32_t ServedFile::reconnect_until_done(System& system) {
    constexpr seconds kPause{1};
    for (;;) {
        Result<> reconnected = reconnect(system);
        std::optional<uint32_t> generation = lazy::take_over(system, memory_);
        if (reconnected && generation) return *generation;
        if (!reconnected) log_warning(describe(reconnected.error()), "; retrying");
        system.sleep(kPause);
    }
}

void ServedFile::look_after(System& system, const Tell& tell) {
    constexpr seconds kTimeToEnd{1};
    std::optional<uint32_t> generation = lazy::take_over(system, memory_);
    end_earlier(system);
    // The process that has made the connection is dead, and the connection with it.
    if (device_->is_outdated(memory_.state())) generation.reset();
    for (std::optional<lazy::ServingEnd> end;; generation.reset()) {
        if (!generation && device_->is_gone(system, end)) return;
        if (!generation) generation = reconnect_until_done(system);
        end = serve(system, *generation, lazy::Phase::root, tell);
        if (end == lazy::ServingEnd::taken_over) return;
        system.sleep(kTimeToEnd);
    }
}

} // namespace mangrove
