#include "definition/definition.h"

#include <algorithm>

namespace mangrove::definition {

namespace {

bool needs_network(const Mount& mount);

bool needs_network(const MountPointer& mount) {
    return mount && needs_network(*mount);
}

bool needs_network(const Attachment& attachment) {
    if (std::holds_alternative<Local>(attachment.kind)) return false;
    if (const auto* loopback = std::get_if<Loopback>(&attachment.kind)) return needs_network(loopback->mount);
    return true;
}

bool needs_network(const Mount& mount) {
    if (const auto* attach = std::get_if<MountAttach>(&mount.kind)) return needs_network(attach->attachment);
    if (const auto* bind = std::get_if<MountBind>(&mount.kind)) return needs_network(bind->mount);
    if (const auto* uri = std::get_if<MountUri>(&mount.kind)) return !uri->uri.starts_with("file:");
    const auto* overlay = std::get_if<MountOverlay>(&mount.kind);
    if (!overlay) return true;
    return needs_network(overlay->upper.mount)
           || std::any_of(overlay->lower.begin(), overlay->lower.end(),
                          [](const Mount& lower) { return needs_network(lower); });
}

} // namespace

bool needs_network(const Definition& definition) {
    return needs_network(definition.mount);
}

std::string_view kind_name(const Attachment& attachment) {
    constexpr std::string_view kNames[] = {"iscsi", "rbd", "nbd", "nvme", "loopback", "local"};
    return kNames[attachment.kind.index()];
}

std::string_view kind_name(const Mount& mount) {
    constexpr std::string_view kNames[] = {"attach", "bind", "nfs", "overlay", "uri"};
    return kNames[mount.kind.index()];
}

} // namespace mangrove::definition
