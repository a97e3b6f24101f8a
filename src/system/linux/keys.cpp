#include <cerrno>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sys/klog.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "system/linux/bounded_child.h"
#include "system/linux/system.h"

namespace mangrove {

/// In the child: 0, the errno of the write, or the negative errno of the key.
static int write_with_key(const BoundedWrite& request) {
    if (const std::optional<KernelKey>& key = request.key;
        key
        && ::syscall(SYS_add_key, key->type.c_str(), key->description.c_str(), key->payload.data(),
                     key->payload.size(), KEY_SPEC_PROCESS_KEYRING)
               < 0)
        return -errno;
    UniqueFd file(::open(request.path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file.is_open() || ::write(file.get(), request.value.data(), request.value.size()) < 0) return errno;
    return 0;
}

Result<> LinuxSystem::write_bounded(const BoundedWrite& request) {
    std::string operation = text("writing '", request.value, "' to ", request.path);
    std::optional<int> outcome =
        TRY(run_until(now() + request.time_limit, [&] { return write_with_key(request); }), operation);
    if (!outcome) return system_error(ETIME, operation);
    if (*outcome < 0) {
        std::unexpected<Error> error =
            system_error(-*outcome, "adding the key ", request.key->type, " ", request.key->description);
        error.error().code = EKEYREJECTED;
        return error;
    }
    if (*outcome > 0) return system_error(*outcome, operation);
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
