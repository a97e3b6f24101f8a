#include <cerrno>
#include <linux/keyctl.h>
#include <sys/klog.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "system/linux_system.h"

namespace mangrove {

Result<int> LinuxSystem::add_key(const std::string& type, const std::string& description, ByteView payload) {
    long key = ::syscall(SYS_add_key, type.c_str(), description.c_str(), payload.data(), payload.size(),
                         KEY_SPEC_PROCESS_KEYRING);
    if (key < 0) return system_error(errno, "adding the key ", type, " ", description);
    return static_cast<int>(key);
}

Result<> LinuxSystem::remove_key(int key) {
    if (::syscall(SYS_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_PROCESS_KEYRING) < 0)
        return system_error(errno, "removing a key");
    return {};
}

Result<std::string> LinuxSystem::kernel_log() {
    constexpr int kReadAll = 3;
    constexpr int kSizeOfBuffer = 10;
    int size = ::klogctl(kSizeOfBuffer, nullptr, 0);
    if (size < 0) return system_error(errno, "reading the kernel's log");
    std::string log(static_cast<size_t>(size), '\0');
    size = ::klogctl(kReadAll, log.data(), size);
    if (size < 0) return system_error(errno, "reading the kernel's log");
    log.resize(static_cast<size_t>(size));
    return log;
}

} // namespace mangrove
