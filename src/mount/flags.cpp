#include "mount/flags.h"

#include <algorithm>
#include <sys/mount.h>

namespace mangrove {

namespace {

struct FlagOption {
    std::string_view word;
    unsigned long flag;
};

constexpr FlagOption kFlagOptions[] = {
    {"ro", MS_RDONLY},         {"nosuid", MS_NOSUID},           {"nodev", MS_NODEV},
    {"noexec", MS_NOEXEC},     {"sync", MS_SYNCHRONOUS},        {"dirsync", MS_DIRSYNC},
    {"noatime", MS_NOATIME},   {"nodiratime", MS_NODIRATIME},   {"relatime", MS_RELATIME},
    {"lazytime", MS_LAZYTIME}, {"strictatime", MS_STRICTATIME}, {"silent", MS_SILENT},
};

/// In force anyway, or of interest to mount(8) and fstab(5) alone.
constexpr std::string_view kMeaningless[] = {
    "rw",         "defaults",   "suid",          "dev",    "exec", "async",  "atime",   "diratime",
    "norelatime", "nolazytime", "nostrictatime", "nofail", "auto", "noauto", "_netdev",
};

} // namespace

std::optional<unsigned long> mount_flag(std::string_view option) {
    for (const FlagOption& known : kFlagOptions)
        if (option == known.word) return known.flag;
    if (option.starts_with("x-") || std::ranges::find(kMeaningless, option) != std::end(kMeaningless))
        return 0;
    return std::nullopt;
}

} // namespace mangrove
