#include "mount/mount.h"
#include "machine/run_files.h"

#include <cerrno>
#include <variant>

namespace mangrove {

namespace {

/// The kernel takes a mount away at once, and then writes what its file system still has to say.
constexpr seconds kTimeToUnmount{15};

/// The option with which a file system is mounted without replaying its journal.
struct JournalOption {
    std::string_view type;
    std::string_view option;
};

/// ext4(5), xfs(5), btrfs(5), Documentation/filesystems/f2fs.rst and nilfs2.rst. They answer EROFS where the
/// journal must be replayed and the device is read-only, whether they are mounted read-only or not.
constexpr JournalOption kJournalOptions[] = {
    {"ext4", "noload"},     {"ext3", "noload"},       {"xfs", "norecovery"}, {"btrfs", "rescue=nologreplay"},
    {"f2fs", "norecovery"}, {"nilfs2", "norecovery"},
};

} // namespace

Result<> mount(Boot& boot, const definition::Mount& mount, const std::string& target, unsigned long flags,
               Undo& undo) {
    std::string doing = "mounting " + mount.json_path;
    auto mount_kind = [&](const auto& wanted) { return mangrove::mount(boot, wanted, target, flags, undo); };
    TRY(timed(boot, doing, [&] { return std::visit(mount_kind, mount.kind); }), doing);
    return {};
}

Result<std::string> mount_layer(Boot& boot, const definition::Mount& wanted, Undo& undo) {
    std::string directory = TRY(make_work_directory(boot.system, "layer", undo));
    TRY(mount(boot, wanted, directory, kPartFlags, undo));
    return directory;
}

Result<> mount_undoably(System& system, const MountRequest& request, Undo& undo) {
    TRY(system.mount(request));
    push_unmount(system, request.target, undo);
    return {};
}

Result<> set_flags(System& system, const std::string& mount_point, unsigned long flags) {
    return system.mount(
        {.source = mount_point, .target = mount_point, .flags = MS_BIND | MS_REMOUNT | flags});
}

Result<> mount_device(System& system, const MountRequest& request, Undo& undo) {
    Result<> mounted = mount_undoably(system, request, undo);
    if (mounted || mounted.error().code != EROFS) return mounted;
    for (const JournalOption& journal : kJournalOptions)
        if (journal.type == request.type)
            mounted.error().what += text(
                "; its journal must be replayed, but the device is read-only: mount and unmount the image "
                "once where it is writable, or add the mount option '",
                journal.option, "', which may show inconsistent files");
    return mounted;
}

void push_unmount(System& system, const std::string& target, Undo& undo) {
    std::string doing = "unmounting " + target;
    undo.push(doing, [&system, target, doing] {
        return run_bounded(system, doing, kTimeToUnmount, [&] { return system.unmount(target); });
    });
}

Result<std::string> make_work_directory(System& system, std::string_view purpose, Undo& undo) {
    TRY(system.make_directory(kLayersDirectory, 0700));
    for (unsigned number = 0;; ++number) {
        std::string directory = text(kLayersDirectory, "/", purpose, number);
        if (system.path_kind(directory) != PathKind::missing) continue;
        TRY(system.make_directory(directory));
        undo.push("removing " + directory,
                  [&system, directory] { return system.remove_directory(directory); });
        return directory;
    }
}

Result<std::string> make_tmpfs(System& system, std::string_view purpose, const std::string& size,
                               Undo& undo) {
    std::string directory = TRY(make_work_directory(system, purpose, undo));
    TRY(mount_undoably(system,
                       {.source = "mangrove",
                        .target = directory,
                        .type = "tmpfs",
                        .flags = kPartFlags,
                        .options = "mode=0755,size=" + size},
                       undo));
    return directory;
}

} // namespace mangrove
