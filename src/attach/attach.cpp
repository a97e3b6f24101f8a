#include "attach/attach.h"
#include "attach/mapped_device.h"

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

/// The disk of a partition: "/dev/sda" of ../../devices/…/block/sda/sda1; another device itself.
std::string disk_of(System& system, const std::string& device) {
    std::string entry = text("/sys/class/block/", device.substr(device.rfind('/') + 1));
    if (system.path_kind(entry + "/partition") == PathKind::missing) return device;
    std::vector<std::string> parts = split(system.read_link(entry).value_or(""), '/');
    return parts.size() < 2 ? device : "/dev/" + parts[parts.size() - 2];
}

Result<> write_readahead(System& system, const std::string& device, uint32_t readahead) {
    // The name may be a link of udev's.
    std::string disk = disk_of(system, TRY(system.resolve_in_root("/", device)));
    return system.write_attribute(
        text("/sys/block/", disk.substr(disk.rfind('/') + 1), "/queue/read_ahead_kb"), text(readahead));
}

template <typename Kind>
void release_logged(System& system) {
    if (Result<> released = release(system, Attached<Kind>()); !released)
        log_warning("releasing attachments of kind ", definition::kind_of(Kind()).name, ": ",
                    released.error().what, ", ignoring");
}

template <typename... Kinds>
void release_each(System& system, std::type_identity<std::variant<Kinds...>>) {
    (release_logged<Kinds>(system), ...);
}

template <typename... Kinds>
Result<> release_one(System& system, const std::string& device, std::type_identity<std::variant<Kinds...>>) {
    Result<> result;
    static_cast<void>(((result = release(system, Attached<Kinds>{device})).has_value() && ...));
    return result;
}

} // namespace

void set_readahead(System& system, const std::string& device, uint32_t readahead) {
    if (Result<> written = write_readahead(system, device, readahead); !written)
        log_warning("setting the readahead of ", device, " to ", readahead,
                    " KiB failed, ignoring: ", written.error().what);
}

void release_all(System& system) {
    if (Result<> released = release_mapped(system); !released)
        log_warning("releasing mapped devices: ", released.error().what, ", ignoring");
    release_each(system, std::type_identity<definition::AnyAttachment>());
}

Result<> release_device(System& system, const std::string& device) {
    std::string disk = disk_of(system, device);
    if (system.is_device_in_use(disk)) return {};
    for (const std::string& below : TRY(release_mapped(system, disk)))
        TRY(release_device(system, below));
    return release_one(system, disk, std::type_identity<definition::AnyAttachment>());
}

} // namespace mangrove
