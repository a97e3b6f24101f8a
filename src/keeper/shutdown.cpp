#include "keeper/shutdown.h"

#include <algorithm>

#include "base/log.h"

namespace mangrove {

namespace {

constexpr const char* kRunning = "/run/mangrove/keeper/running";
constexpr const char* kNotPoweredOff = "/run/mangrove/keeper/not-powered-off";
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
     "Description=Stands for Mangrove's keeper, which was started before systemd\n"
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
        bool is_running = system_.path_kind(kRunning) != PathKind::missing;
        has_run_ = has_run_ || is_running;
        if (is_running || !has_run_) return std::nullopt;
        bool goes_on = system_.path_kind(kNotPoweredOff) != PathKind::missing;
        return goes_on ? MachineEnd::reboot : MachineEnd::poweroff;
    }

  private:
    System& system_;
    bool has_run_ = false; ///< systemd has made the FIFOs, and they are not only missing yet
};

/// In the tree of the running system, which residents don't see.
Result<> wait_for_answer(System& system, const Storage& storage) {
    constexpr seconds kPatience{60};
    Deadline deadline = system.now() + kPatience;
    for (;;) {
        milliseconds left = std::chrono::ceil<milliseconds>(deadline - system.now());
        Result<> answer = system.ask_storage("/proc/1/root" + storage.path, left);
        if (answer || system.now() + kPause >= deadline) return answer;
        system.sleep(kPause);
    }
}

} // namespace

void end_without_root(System& system, const std::vector<Storage>& storage,
                      const std::vector<std::shared_ptr<Charge>>& charges) {
    for (Watch watch(system);; system.sleep(kPause)) {
        if (!watch.look()) continue;
        auto lost =
            std::ranges::find_if(storage, [&](const Storage& one) { return !wait_for_answer(system, one); });
        std::optional<MachineEnd> end = watch.look();
        if (lost == storage.end() || !end) continue;
        log_line(LogLevel::error,
                 text(lost->name, " has not answered for a minute and the machine shuts down: "
                                  "ending it without the root"));
        for (const std::shared_ptr<Charge>& charge : charges)
            if (Result<> given_up = charge->give_up(system); !given_up)
                log_warning(given_up.error().what, ", ignoring");
        return system.end_machine(*end);
    }
}

} // namespace mangrove
