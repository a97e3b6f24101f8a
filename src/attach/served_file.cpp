#include "attach/served_file.h"

#include <cerrno>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "lazy/nbd_channel.h"
#include "system/nbd_devices.h"

namespace mangrove {

Result<> ServedFile::start(System& system) {
    Resident server = {.name = name(), .run = [this](System& own_system) {
                           std::optional<uint32_t> generation = lazy::take_over(own_system, memory_);
                           lazy::NbdChannel channel(own_system, connection_);
                           lazy::serve(own_system, *source_, memory_, channel, generation.value_or(0),
                                       lazy::Phase::assembly, [](const ServedState&) {});
                       }};
    memory_.state().process_of_assembly = TRY(system.start_resident(server));
    return {};
}

void ServedFile::end(System& system) {
    if (int process = memory_.state().process_of_assembly.exchange(0); process > 0)
        system.end_resident(process);
}

Result<> ServedFile::be_patient(System& system) {
    // It is for the server to wait, and there is always one. The kernel knows no "for ever".
    constexpr seconds kTenYears{std::chrono::hours(24 * 3650)};
    return system.nbd_devices().set_dead_timeout(device_, kTenYears);
}

Result<std::optional<std::string>> ServedFile::wait_for_loss(System&, Deadline) {
    if (memory_.state().has_failed == 0) return std::nullopt;
    return "the server did not answer a read for 10 s";
}

Result<> ServedFile::give_up(System& system) {
    return system.nbd_devices().disconnect(device_);
}

/// Only a device that is connected has this file.
bool ServedFile::is_attached(System& system) const {
    return system.path_kind(text("/sys/block/nbd", device_, "/pid")) != PathKind::missing;
}

/// The process of the boot, which does not touch the connection any more.
void ServedFile::end_earlier(System& system) {
    int process = memory_.state().process_of_assembly.exchange(0);
    if (process <= 0) return;
    if (Result<> ended = system.end_process(process); !ended) log_notice(ended.error().what, ", ignoring");
}

Result<> ServedFile::reconnect(System& system) {
    constexpr milliseconds kStep{20};
    constexpr seconds kPatience{5};
    NbdDevices& devices = system.nbd_devices();
    devices.hang_up(connection_);
    // The kernel takes none before it has seen that the other one is dead.
    for (Deadline deadline = system.now() + kPatience;; system.sleep(kStep)) {
        NbdSockets sockets = TRY(devices.make_sockets());
        Result<> taken = devices.replace_dead(device_, std::move(sockets.kernel));
        bool is_too_early = !taken && taken.error().code == ENOSPC && system.now() < deadline;
        if (is_too_early) continue;
        if (!taken) return taken;
        connection_ = std::move(sockets.server);
        number_ = ++memory_.state().connection;
        return {};
    }
}

uint32_t ServedFile::reconnect_until_done(System& system) {
    constexpr seconds kPause{1};
    log_warning("the connection of /dev/nbd", device_, " to its server is broken off; making another one");
    for (;;) {
        Result<> reconnected = reconnect(system);
        std::optional<uint32_t> generation = lazy::take_over(system, memory_);
        if (reconnected && generation) return *generation;
        if (!reconnected)
            log_warning("giving /dev/nbd", device_, " another connection: ", reconnected.error().what,
                        "; retrying");
        system.sleep(kPause);
    }
}

void ServedFile::look_after(System& system, const Tell& tell) {
    constexpr seconds kTimeToEnd{1};
    std::optional<uint32_t> generation = lazy::take_over(system, memory_);
    end_earlier(system);
    // The process that has made the connection is dead, and the connection with it.
    if (number_ != memory_.state().connection) generation.reset();
    for (;;) {
        if (!generation && !is_attached(system)) return;
        if (!generation) generation = reconnect_until_done(system);
        lazy::NbdChannel channel(system, connection_);
        lazy::ServingEnd end =
            lazy::serve(system, *source_, memory_, channel, *generation, lazy::Phase::root, tell);
        if (end == lazy::ServingEnd::taken_over) return;
        system.sleep(kTimeToEnd);
        generation.reset();
    }
}

} // namespace mangrove
