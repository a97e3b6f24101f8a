#include "system/linux/bounded_mount.h"

#include <cerrno>
#include <sys/mount.h>

#include "system/linux/bounded_child.h"

namespace mangrove {

int mount_now(const MountRequest& request) {
    const char* type = request.type.empty() ? nullptr : request.type.c_str();
    if (::mount(request.source.c_str(), request.target.c_str(), type, request.flags, request.options.c_str())
        != 0)
        return errno;
    return 0;
}

Result<int> mount_until(const MountRequest& request, Deadline deadline) {
    if (std::optional<int> outcome = TRY(run_until(deadline, [&] { return mount_now(request); })))
        return *outcome;
    // It may have come about after nobody waited for it any more.
    ::umount2(request.target.c_str(), UMOUNT_NOFOLLOW | MNT_DETACH);
    return ETIMEDOUT;
}

} // namespace mangrove
