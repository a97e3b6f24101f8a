#include <cerrno>

#include "mount/mount.h"
#include "root/command.h"
#include "root/root.h"

namespace mangrove {

static constexpr const char* kNewRoot = "/sysroot";
/// Its servers may be away again, and not each kind of device fails then.
static constexpr seconds kTimeToLook{60};

static Result<> check_directories(System& system, const std::string& root) {
    for (const char* needed : {"/dev", "/proc", "/sys", "/run"})
        if (system.path_kind(root + needed) != PathKind::directory)
            return permanent_error("the image has no directory ", needed);
    return {};
}

static Result<> build(System& system, const definition::Definition& definition, Root& root) {
    TRY(system.make_directory(root.path));
    TRY(system.make_directory(kRunDirectory));
    TRY(mount(system, definition.mount, root.path, root.undo));
    Result<> looked = run_bounded(system, "looking at the root", kTimeToLook, [&]() -> Result<> {
        TRY(check_directories(system, root.path));
        return check_command(system, root.path, definition.command.front());
    });
    if (!looked && looked.error().code == ETIMEDOUT)
        return transient_error("the root does not answer (", looked.error().what, ")");
    return looked;
}

Result<> check_connections(System& system, Result<> result) {
    for (const std::shared_ptr<Charge>& charge : system.charges) {
        Result<std::optional<std::string>> loss = charge->wait_for_loss(system, system.now());
        if (!loss || !*loss) continue;
        std::vector<std::string> while_doing;
        if (!result) {
            while_doing = std::move(result.error().while_doing);
            while_doing.insert(while_doing.begin(), std::move(result.error().what));
        }
        return std::unexpected(Error{.what = text("the ", charge->name(), " was lost: ", **loss),
                                     .permanence = Permanence::transient,
                                     .while_doing = std::move(while_doing)});
    }
    return result;
}

Result<Root> assemble(System& system, const definition::Definition& definition) {
    Root root;
    root.path = kNewRoot;
    root.name = definition.name;
    root.command = definition.command;
    TRY(check_connections(system, build(system, definition, root)));
    return root;
}

} // namespace mangrove
