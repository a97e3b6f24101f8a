#include "keeper/shutdown.h"

#include "keeper/keeper.h"

namespace mangrove {

namespace {

constexpr const char* kRunning = "/run/mangrove/keeper/running";
constexpr const char* kNotPoweredOff = "/run/mangrove/keeper/not-powered-off";

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

std::optional<ShutdownWatch::Shutdown> ShutdownWatch::look(System& system) {
    bool is_running = system.path_kind(kRunning) != PathKind::missing;
    has_run_ = has_run_ || is_running;
    if (is_running) since_.reset();
    if (is_running || !has_run_) return std::nullopt;
    if (!since_) since_ = system.now();
    bool goes_on = system.path_kind(kNotPoweredOff) != PathKind::missing;
    return Shutdown{goes_on ? MachineEnd::reboot : MachineEnd::poweroff, *since_};
}

} // namespace mangrove
