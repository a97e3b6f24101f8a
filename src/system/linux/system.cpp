#include "system/linux/system.h"

#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <libkmod.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include "system/linux/bounded_child.h"

namespace mangrove {

LinuxSystem::LinuxSystem(DeviceManager manager, DeviceEvents device_events) : network_(manager) {
    if (device_events == DeviceEvents::ignored) return;
    device_events_ =
        UniqueFd(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
    // A boot makes thousands of events; those of the device that is waited for must not be the ones that are
    // dropped.
    int buffer_size = 8 << 20;
    ::setsockopt(device_events_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer_size, sizeof buffer_size);
    sockaddr_nl address = {};
    address.nl_family = AF_NETLINK;
    address.nl_groups = 1; // the kernel's own events, not those that udev repeats
    if (::bind(device_events_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        device_events_.reset();
}

LinuxSystem::~LinuxSystem() {
    if (module_context_) kmod_unref(module_context_);
}

Result<bool> LinuxSystem::wait_for_device_event(Deadline deadline) {
    if (!device_events_.is_open()) return permanent_error("cannot receive kernel uevents");
    bool heard = false;
    char event[8192];
    while (::recv(device_events_.get(), event, sizeof event, 0) >= 0 || errno == ENOBUFS)
        heard = true;
    if (heard) return true;
    auto left = std::chrono::ceil<milliseconds>(deadline - now()).count();
    pollfd waiting = {device_events_.get(), POLLIN, 0};
    int ready = ::poll(&waiting, 1, static_cast<int>(std::max<long>(left, 0)));
    if (ready < 0 && errno != EINTR) return system_error(errno, "waiting for a kernel uevent");
    return ready > 0;
}

void LinuxSystem::write_out() {
    // Beside us, for it waits for ever for a disk that is away.
    constexpr seconds kTimeToWrite{5};
    static_cast<void>(run_until(now() + kTimeToWrite, [] {
                          ::sync();
                          return 0;
                      }).has_value());
}

Result<> LinuxSystem::load_kernel(const std::string& kernel, const std::string& initramfs,
                                  const std::string& command_line) {
    UniqueFd kernel_file(::open(kernel.c_str(), O_RDONLY | O_CLOEXEC));
    UniqueFd initramfs_file(::open(initramfs.c_str(), O_RDONLY | O_CLOEXEC));
    if (!kernel_file.is_open() || !initramfs_file.is_open())
        return system_error(errno, "opening ", kernel, " and ", initramfs);
    if (::syscall(SYS_kexec_file_load, kernel_file.get(), initramfs_file.get(), command_line.size() + 1,
                  command_line.c_str(), 0UL)
        != 0)
        return system_error(errno, "loading ", kernel);
    return {};
}

Result<> LinuxSystem::unload_kernel() {
    constexpr unsigned long kUnload = 1; // KEXEC_FILE_UNLOAD of linux/kexec.h
    if (::syscall(SYS_kexec_file_load, -1, -1, 0UL, nullptr, kUnload) != 0)
        return system_error(errno, "unloading the kernel");
    return {};
}

void LinuxSystem::end_machine(MachineEnd end) {
    ::reboot(end == MachineEnd::poweroff ? RB_POWER_OFF : RB_AUTOBOOT);
}

void LinuxSystem::sleep(milliseconds duration) {
    std::this_thread::sleep_for(duration);
}

WallTime LinuxSystem::wall_clock() {
    return std::chrono::floor<seconds>(std::chrono::system_clock::now());
}

Result<> LinuxSystem::set_wall_clock(WallTime time) {
    timespec wanted = {};
    wanted.tv_sec = time.time_since_epoch().count();
    if (::clock_settime(CLOCK_REALTIME, &wanted) != 0) return system_error(errno, "setting the clock");
    return {};
}

Result<> LinuxSystem::set_host_name(const std::string& name) {
    if (::sethostname(name.c_str(), name.size()) != 0)
        return system_error(errno, "setting the host name to ", name);
    return {};
}

Result<> LinuxSystem::execute(const std::vector<std::string>& arguments) {
    std::vector<char*> words;
    for (const std::string& argument : arguments)
        words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    ::execv(words[0], words.data());
    return system_error(errno, "executing ", arguments[0]);
}

} // namespace mangrove
