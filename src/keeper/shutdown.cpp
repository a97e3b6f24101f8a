#include "keeper/shutdown.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "machine/run_files.h"

namespace mangrove {

namespace {

constexpr seconds kPause{10};

struct Unit {
    const char* path;
    const char* contents;
};

constexpr Unit kUnits[] = {
    {"/run/systemd/system/mangrove-running.socket",
     "[Unit]\n"
     "Description=Tells Mangrove's keeper when the shutdown begins\n"
     "DefaultDependencies=no\n"
     "Conflicts=shutdown.target\n"
     "IgnoreOnIsolate=yes\n"
     "RefuseManualStop=yes\n"
     "[Socket]\n"
     "ListenFIFO=/run/mangrove/keeper/running\n"
     "SocketMode=0600\n"
     "RemoveOnStop=yes\n"
     "Service=mangrove-keeper.service\n"},
    {"/run/systemd/system/mangrove-not-powered-off.socket",
     "[Unit]\n"
     "Description=Tells Mangrove's keeper when the machine is to be powered off\n"
     "DefaultDependencies=no\n"
     "Conflicts=poweroff.target halt.target\n"
     "IgnoreOnIsolate=yes\n"
     "RefuseManualStop=yes\n"
     "[Socket]\n"
     "ListenFIFO=/run/mangrove/keeper/not-powered-off\n"
     "SocketMode=0600\n"
     "RemoveOnStop=yes\n"
     "Service=mangrove-keeper.service\n"},
    // Nothing is ever written to the FIFOs, so this is never started.
    {"/run/systemd/system/mangrove-keeper.service",
     "[Unit]\n"
     "Description=Represents Mangrove's keeper, which was started before systemd\n"
     "DefaultDependencies=no\n"
     "[Service]\n"
     "Type=oneshot\n"
     "ExecStart=/bin/true\n"},
    {"/run/systemd/system/sysinit.target.d/mangrove.conf",
     "[Unit]\n"
     "Wants=mangrove-running.socket mangrove-not-powered-off.socket\n"},
};

} // namespace

Result<> write_shutdown_units(System& system) {
    for (const Unit& unit : kUnits) {
        std::string path = unit.path;
        TRY(system.make_directory(path.substr(0, path.rfind('/'))));
        TRY(system.write_file(path, unit.contents));
    }
    return {};
}

namespace {

class Watch {
  public:
    explicit Watch(System& system) : system_(system) {}

    /// How the machine is about to end; nothing while it runs.
    std::optional<MachineEnd> look() {
        bool is_running = system_.path_kind(kRunningFifo) != PathKind::missing;
        has_run_ = has_run_ || is_running;
        if (is_running || !has_run_) return std::nullopt;
        bool goes_on = system_.path_kind(kNotPoweredOffFifo) != PathKind::missing;
        return goes_on ? MachineEnd::reboot : MachineEnd::poweroff;
    }

    /// systemd has made the FIFOs, and they are not only missing yet.
    bool has_run() const { return has_run_; }

  private:
    System& system_;
    bool has_run_ = false;
};

/// In the tree of the running system, which residents don't see.
Result<> ask(System& system, const Storage& storage, milliseconds time_limit) {
    return system.ask_storage("/proc/1/root" + storage.path, time_limit);
}

Result<> wait_for_answer(System& system, const Storage& storage) {
    constexpr seconds kPatience{60};
    Deadline deadline = system.now() + kPatience;
    for (;;) {
        Result<> answer = ask(system, storage, std::chrono::ceil<milliseconds>(deadline - system.now()));
        if (answer || system.now() + kPause >= deadline) return answer;
        system.sleep(kPause);
    }
}

/// A server that never answers says nothing about the root.
class Answering {
  public:
    explicit Answering(std::vector<Storage> storage) : unheard_(std::move(storage)) {}

    void look(System& system) {
        std::erase_if(unheard_, [&](const Storage& one) {
            bool answers = ask(system, one, kPause).has_value();
            if (answers) heard_.push_back(one);
            return answers;
        });
    }
    /// Why the machine has to be ended, or nothing.
    std::optional<std::string> loss(System& system) const {
        for (const Storage& one : heard_)
            if (Result<> answer = wait_for_answer(system, one); !answer)
                return text(one.name, " has not answered for a minute (", answer.error().what, ")");
        return std::nullopt;
    }

  private:
    std::vector<Storage> unheard_;
    std::vector<Storage> heard_;
};

} // namespace

void end_without_root(System& system, const std::vector<Storage>& storage,
                      const std::vector<std::shared_ptr<WatchedConnection>>& connections) {
    Watch watch(system);
    Answering answering(storage);
    for (;; system.sleep(kPause)) {
        if (!watch.look()) {
            if (watch.has_run()) answering.look(system);
            continue;
        }
        std::optional<std::string> loss = answering.loss(system);
        std::optional<MachineEnd> end = watch.look();
        if (!loss || !end) continue;
        log_line(LogLevel::error, *loss + " and the machine is shutting down: ending it without the root");
        system.write_out();
        for (const std::shared_ptr<WatchedConnection>& connection : connections)
            if (Result<> given_up = connection->give_up(system); !given_up)
                log_warning(given_up.error().what, ", ignoring");
        return system.end_machine(*end);
    }
}

} // namespace mangrove
