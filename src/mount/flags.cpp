#include "mount/flags.h"

#include <sys/mount.h>

namespace mangrove {

namespace {

struct FlagOption {
    std::string_view word;
    unsigned long flag;
};

constexpr FlagOption kFlagOptions[] = {
    {"ro", MS_RDONLY},         {"rw", 0},
    {"defaults", 0},           {"nosuid", MS_NOSUID},
    {"nodev", MS_NODEV},       {"noexec", MS_NOEXEC},
    {"sync", MS_SYNCHRONOUS},  {"dirsync", MS_DIRSYNC},
    {"noatime", MS_NOATIME},   {"nodiratime", MS_NODIRATIME},
    {"relatime", MS_RELATIME}, {"strictatime", MS_STRICTATIME},
    {"lazytime", MS_LAZYTIME}, {"silent", MS_SILENT},
};

} // namespace

std::optional<unsigned long> mount_flag(std::string_view option) {
    for (const FlagOption& known : kFlagOptions)
        if (option == known.word) return known.flag;
    return std::nullopt;
}

} // namespace mangrove
