#include "system/linux/udev_links.h"

#include <cerrno>
#include <sys/inotify.h>
#include <unistd.h>

namespace mangrove {

Result<UdevLinks> UdevLinks::watch(const std::string& database) {
    UniqueFd events(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!events.is_open()) return system_error(errno, "watching the database of udev");
    // udev writes an entry beside its place and renames it.
    if (::inotify_add_watch(events.get(), database.c_str(), IN_MOVED_TO | IN_ONLYDIR) < 0)
        return system_error(errno, "watching the database of udev, ", database);
    return UdevLinks(database, std::move(events));
}

bool UdevLinks::has_finished(int link_index) const {
    return ::access(text(database_, "/n", link_index).c_str(), F_OK) == 0;
}

Result<bool> UdevLinks::drain() {
    bool any = false;
    alignas(inotify_event) char buffer[4096];
    for (;;) {
        ssize_t size = ::read(events_.get(), buffer, sizeof buffer);
        if (size > 0) any = true;
        if (size < 0 && errno == EAGAIN) return any;
        if (size < 0 && errno != EINTR) return system_error(errno, "watching the database of udev");
    }
}

} // namespace mangrove
