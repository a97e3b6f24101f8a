#include "definition/definition.h"

#include <algorithm>

#include "definition/kind_table.h"

namespace mangrove::definition {

namespace {

/// The attachment of the data and, where it has one of its own, that of the hash tree.
std::vector<const Attachment*> attachments_of(const MountAttach& mount) {
    std::vector<const Attachment*> attachments = {&mount.attachment};
    if (mount.verity && mount.verity->hash_device) attachments.push_back(mount.verity->hash_device.get());
    return attachments;
}

/// The mounts that a mount is made of.
std::vector<const Mount*> parts_of(const Mount& mount) {
    std::vector<const Mount*> parts;
    if (const auto* attach = std::get_if<MountAttach>(&mount.kind)) {
        for (const Attachment* part : attachments_of(*attach))
            if (const auto* loopback = std::get_if<Loopback>(&part->kind))
                parts.push_back(loopback->mount.get());
    } else if (const auto* bind = std::get_if<MountBind>(&mount.kind)) {
        parts.push_back(bind->mount.get());
    } else if (const auto* overlay = std::get_if<MountOverlay>(&mount.kind)) {
        for (const Mount& lower : overlay->lower)
            parts.push_back(&lower);
        parts.push_back(overlay->upper.mount.get());
    }
    std::erase(parts, nullptr);
    return parts;
}

bool needs_network(const Attachment& attachment) {
    if (const auto* local = std::get_if<Local>(&attachment.kind))
        return std::ranges::any_of(local->on, [](const Attachment& part) { return needs_network(part); });
    return kind_of(attachment.kind).needs_network;
}

bool needs_network(const Mount& mount) {
    if (std::holds_alternative<MountNfs>(mount.kind)) return true;
    if (const auto* uri = std::get_if<MountUri>(&mount.kind)) return !uri->uri.starts_with("file:");
    if (const auto* attach = std::get_if<MountAttach>(&mount.kind);
        attach && std::ranges::any_of(attachments_of(*attach), [](const Attachment* part) {
            return needs_network(*part);
        }))
        return true;
    return std::ranges::any_of(parts_of(mount), [](const Mount* part) { return needs_network(*part); });
}

/// http://user:password@host/path
bool has_secret(std::string_view url) {
    size_t host = url.find("://");
    if (host == std::string_view::npos) return false;
    return url.find('@', host) < url.find('/', host + 3);
}

void add_secret_places(const Attachment& attachment, std::vector<std::string>& places) {
    if (attachment.has_secret) places.push_back(attachment.json_path);
    if (const auto* local = std::get_if<Local>(&attachment.kind))
        for (const Attachment& part : local->on)
            add_secret_places(part, places);
}

void add_secret_places(const Mount& mount, std::vector<std::string>& places) {
    if (const auto* attach = std::get_if<MountAttach>(&mount.kind))
        for (const Attachment* part : attachments_of(*attach))
            add_secret_places(*part, places);
    const auto* uri = std::get_if<MountUri>(&mount.kind);
    if (uri && has_secret(uri->uri)) places.push_back(mount.json_path);
    for (const Mount* part : parts_of(mount))
        add_secret_places(*part, places);
}

} // namespace

bool needs_network(const Definition& definition) {
    return needs_network(definition.mount);
}

std::vector<std::string> secret_places(const Definition& definition) {
    std::vector<std::string> places;
    add_secret_places(definition.mount, places);
    if (definition.report && has_secret(definition.report->url)) places.emplace_back("report.url");
    if (definition.files && has_secret(definition.files->url)) places.emplace_back("files.url");
    if (definition.health && has_secret(definition.health->url)) places.emplace_back("health.url");
    for (const Definition& fallback : definition.fallback)
        for (const std::string& place : secret_places(fallback))
            places.push_back(place);
    return places;
}

std::string_view kind_name(const Attachment& attachment) {
    return kind_of(attachment.kind).name;
}

std::string_view kind_name(const Mount& mount) {
    return mount_kinds()[mount.kind.index()].name;
}

} // namespace mangrove::definition
