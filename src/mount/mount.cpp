#include "mount/mount.h"

#include <cerrno>

namespace mangrove {

namespace {

/// The kernel takes a mount away at once, and then writes what its file system still has to say.
constexpr seconds kTimeToUnmount{15};

struct MountKind {
    std::string_view name;
    Result<> (*mount)(System&, const definition::Mount&, const std::string& target, unsigned long flags,
                      Undo&);
};

constexpr MountKind kKinds[] = {
    {"attach", mount_attach},   {"bind", mount_bind}, {"nfs", mount_nfs},
    {"overlay", mount_overlay}, {"uri", mount_uri},
};

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

Result<> mount(System& system, const definition::Mount& mount, const std::string& target, unsigned long flags,
               Undo& undo) {
    std::string_view name = kind_name(mount);
    for (const MountKind& kind : kKinds) {
        if (kind.name != name) continue;
        std::string doing = "mounting " + mount.json_path;
        TRY(timed(system, doing, [&] { return kind.mount(system, mount, target, flags, undo); }), doing);
        return {};
    }
    return permanent_error(mount.json_path, ".kind: unknown kind '", name, "'");
}

Result<std::string> mount_layer(System& system, const definition::Mount& wanted, Undo& undo) {
    std::string directory = TRY(make_work_directory(system, "layer", undo));
    TRY(mount(system, wanted, directory, kPartFlags, undo));
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
                "; its journal must be replayed, and the device is read-only: mount and unmount the image "
                "once where it can be written to, or add the mount option '",
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
