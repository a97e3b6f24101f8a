#include "mount/mount.h"

namespace mangrove {

namespace {

/// The kernel takes a mount away at once, and then writes what its file system still has to say.
constexpr seconds kTimeToUnmount{15};

struct MountKind {
    std::string_view name;
    Result<> (*mount)(System&, const definition::Mount&, const std::string& target, Undo&);
};

constexpr MountKind kKinds[] = {
    {"attach", mount_attach},   {"bind", mount_bind}, {"nfs", mount_nfs},
    {"overlay", mount_overlay}, {"uri", mount_uri},
};

} // namespace

Result<> mount(System& system, const definition::Mount& mount, const std::string& target, Undo& undo) {
    std::string_view name = kind_name(mount);
    for (const MountKind& kind : kKinds) {
        if (kind.name != name) continue;
        std::string doing = "mounting " + mount.json_path;
        TRY(timed(system, doing, [&] { return kind.mount(system, mount, target, undo); }), doing);
        return {};
    }
    return permanent_error(mount.json_path, ".kind: unknown kind '", name, "'");
}

Result<std::string> mount_layer(System& system, const definition::Mount& wanted, Undo& undo) {
    std::string directory = TRY(make_work_directory(system, "layer", undo));
    TRY(mount(system, wanted, directory, undo));
    return directory;
}

Result<> mount_undoably(System& system, const MountRequest& request, Undo& undo) {
    TRY(system.mount(request));
    push_unmount(system, request.target, undo);
    return {};
}

void push_unmount(System& system, const std::string& target, Undo& undo) {
    std::string doing = "unmounting " + target;
    undo.push(doing, [&system, target, doing] {
        return run_bounded(system, doing, kTimeToUnmount, [&] { return system.unmount(target); });
    });
}

Result<std::string> make_work_directory(System& system, std::string_view purpose, Undo& undo) {
    for (unsigned number = 0;; ++number) {
        std::string directory = text(kRunDirectory, "/", purpose, number);
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
    TRY(mount_undoably(
        system,
        {.source = "mangrove", .target = directory, .type = "tmpfs", .options = "mode=0755,size=" + size},
        undo));
    return directory;
}

} // namespace mangrove
