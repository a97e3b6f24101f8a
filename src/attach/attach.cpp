#include "attach/attach.h"

#include <variant>

#include "base/log.h"
#include "definition/kind_table.h"

namespace mangrove {

Result<std::string> attach(Boot& boot, const definition::Attachment& attachment, Undo& undo) {
    std::string doing(kind_of(attachment.kind).doing);
    auto attach_kind = [&](const auto& wanted) { return attach(boot, wanted, undo); };
    return TRY(timed(boot, doing, [&] { return std::visit(attach_kind, attachment.kind); }), doing);
}

Result<> wait_for_device(System& system, const std::string& device) {
    constexpr seconds kTimeout{10};
    bool appeared =
        TRY(wait_until(system, system.now() + kTimeout, [&] { return system.is_device_ready(device); }));
    if (!appeared) return transient_error(device, " did not appear within ", kTimeout.count(), " s");
    return {};
}

namespace {

template <typename Kind>
void release_logged(System& system) {
    if (Result<> released = release(system, Every<Kind>()); !released)
        log_warning("releasing attachments of kind ", definition::kind_of(Kind()).name, ": ",
                    released.error().what, ", ignoring");
}

template <typename... Kinds>
void release_each(System& system, std::type_identity<std::variant<Kinds...>>) {
    (release_logged<Kinds>(system), ...);
}

} // namespace

void release_all(System& system) {
    release_each(system, std::type_identity<definition::AnyAttachment>());
}

} // namespace mangrove
