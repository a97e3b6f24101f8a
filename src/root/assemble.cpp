#include <cerrno>

#include "mount/mount.h"
#include "root/command.h"
#include "root/root.h"

namespace mangrove {

static constexpr const char* kNewRoot = "/sysroot";
/// systemd-soft-reboot.service(8)
static constexpr const char* kSoftRoot = "/run/nextroot";
/// Its servers may be away again, and not each kind of device fails then.
static constexpr seconds kTimeToLook{60};

/// Images made for containers and trees copied by hand lack what is mounted over on a running system.
static Result<> make_mount_points(System& system, const std::string& root) {
    for (const std::string needed : {"/dev", "/proc", "/sys", "/run"}) {
        PathKind kind = system.path_kind(root + needed);
        if (kind == PathKind::directory) continue;
        if (kind != PathKind::missing)
            return permanent_error("the ", needed, " of the image is not a directory");
        Result<> made = system.make_directory(root + needed);
        if (!made && made.error().code == EROFS)
            return permanent_error(
                "the image has no directory ", needed,
                ", and the root is read-only; add the empty directory to the image, or use "
                "the image as the lower of an overlay");
        TRY(std::move(made));
    }
    if (system.path_kind(root + "/tmp") == PathKind::missing && system.make_directory(root + "/tmp"))
        TRY(system.set_mode(root + "/tmp", 01777));
    return {};
}

static Result<> build(Boot& boot, const definition::Definition& definition, Root& root) {
    System& system = boot.system;
    TRY(system.make_directory(root.path));
    TRY(mount(boot, definition.mount, root.path, 0, root.undo));
    Result<> looked = run_bounded(system, "checking the root", kTimeToLook, [&]() -> Result<> {
        TRY(make_mount_points(system, root.path));
        return check_command(system, root.path, definition.command.front());
    });
    if (!looked && looked.error().code == ETIMEDOUT)
        return transient_error("the root does not answer (", looked.error().what, ")");
    return looked;
}

Result<> check_connections(Boot& boot, Result<> result) {
    for (const std::shared_ptr<WatchedConnection>& connection : boot.connections) {
        Result<std::optional<std::string>> loss = connection->wait_for_loss(boot.system, boot.system.now());
        if (!loss || !*loss) continue;
        std::vector<std::string> while_doing;
        if (!result) {
            while_doing = std::move(result.error().while_doing);
            while_doing.insert(while_doing.begin(), std::move(result.error().what));
        }
        return std::unexpected(Error{.what = text("the ", connection->name(), " was lost: ", **loss),
                                     .permanence = Permanence::transient,
                                     .while_doing = std::move(while_doing)});
    }
    return result;
}

Result<Root> assemble(Boot& boot, const definition::Definition& definition) {
    Root root;
    root.path = boot.soft_id.empty() ? kNewRoot : kSoftRoot;
    root.replaced += boot.soft_id;
    root.name = definition.name;
    root.command = definition.command;
    if (!boot.soft_id.empty())
        // Where it is there, systemd restarts into it, also when it was told something else.
        root.undo.push("removing " + root.path,
                       [&system = boot.system, path = root.path] { return system.remove_directory(path); });
    TRY(check_connections(boot, build(boot, definition, root)));
    return root;
}

} // namespace mangrove
