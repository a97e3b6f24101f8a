#include "root/replace_file.h"

#include <cerrno>

#include <sys/mount.h>

#include "mount/mount.h"

namespace mangrove {

Result<> replace_file(System& system, Root& root, const std::string& path, const std::string& contents) {
    root.written.push_back(path);
    std::string target = root.path + path;
    Result<> written = system.write_file(target, contents, 0644);
    if (written || written.error().code != EROFS) return written;
    std::string copy = root.replaced + path;
    TRY(system.make_directory(copy.substr(0, copy.rfind('/'))));
    TRY(system.write_file(copy, contents, 0644));
    return mount_undoably(system, {.source = copy, .target = target, .flags = MS_BIND}, root.undo);
}

} // namespace mangrove
