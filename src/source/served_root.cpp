#include "source/served_root.h"

#include <algorithm>
#include <utility>

#include "source/nfs_words.h"

namespace mangrove {

namespace {

constexpr std::string_view kIscsi = "iscsi:";
constexpr std::string_view kNbd = "nbd:";
constexpr std::string_view kLive = "live:";

bool is_url(std::string_view written) {
    return written.starts_with("http://") || written.starts_with("https://")
           || written.starts_with("tftp://");
}

void take_nbd_options(cJSON* nbd, std::string_view written, Translation& translation) {
    for (const std::string& option : split(written, ',')) {
        std::optional<uint64_t> number = parse_number(std::string_view(option).substr(option.find('=') + 1));
        if (option.starts_with("timeout=") && number && *number <= 86400)
            cJSON_AddNumberToObject(nbd, "timeout", static_cast<double>(*number));
        else if (option.starts_with("connections=") && number && *number >= 1 && *number <= 16)
            cJSON_AddNumberToObject(nbd, "connections", static_cast<double>(*number));
        else if (!option.empty() && option != "persist" && !option.starts_with("bs="))
            translation.note("nbd-client option '", option, "' not supported, ignoring");
    }
}

Result<Json> nbd_attachment(std::string_view written, Frame& frame, Translation& translation) {
    HostAndRest server = split_host(written);
    if (!server.rest.starts_with(":")) return permanent_error("expected nbd:SERVER:EXPORT[:TYPE[:OPTIONS]]");
    std::vector<std::string> fields = split(server.rest.substr(1), ':');
    fields.resize(std::max(fields.size(), size_t{4}));
    Json attachment = make_json_object();
    cJSON* nbd = add_kind(attachment.get(), "nbd");
    cJSON_AddStringToObject(nbd, "host", translation.host(server.host).c_str());
    std::optional<uint64_t> port = parse_number(fields[0]);
    if (port && *port >= 1 && *port <= 65535)
        cJSON_AddNumberToObject(nbd, "port", static_cast<double>(*port));
    else
        add_text(nbd, "export", fields[0]);
    if (frame.fs_type.empty() && fields[1] != "auto") frame.fs_type = fields[1];
    add_mount_options(frame, fields[2]);
    take_nbd_options(nbd, fields[3], translation);
    return attachment;
}

Result<std::string> iscsi_definition(std::string_view written, const IscsiSettings& settings, Frame frame,
                                     Translation& translation) {
    std::vector<Json> paths;
    for (const std::string& uri : split(written, ' '))
        if (uri.starts_with(kIscsi))
            paths.push_back(
                TRY(iscsi_attachment(std::string_view(uri).substr(kIscsi.size()), settings, translation)));
        else if (!uri.empty())
            translation.note("ignoring everything after the first URI except iscsi:…");
    std::vector<Json> further(std::make_move_iterator(paths.begin() + 1),
                              std::make_move_iterator(paths.end()));
    paths.resize(1);
    add_portals(paths[0].get(), further, translation);
    std::string name = text_at(cJSON_GetObjectItem(paths[0].get(), "iscsi"), "target");
    Json mount = attach_mount(std::move(paths), frame, translation);
    return definition_around(name, std::move(mount), std::move(frame));
}

Json uri_mount(std::string_view url) {
    Json mount = make_json_object();
    add_text(add_kind(mount.get(), "uri"), "uri", std::string(url));
    return mount;
}

/// A file of another mount as a disk.
Json loopback_mount(const std::string& path, Json holder, Frame& frame, Translation& translation) {
    std::vector<Json> attachments(1);
    attachments[0] = make_json_object();
    cJSON* loopback = add_kind(attachments[0].get(), "loopback");
    add_text(loopback, "path", path);
    add_text(loopback, "base", "mount");
    cJSON_AddItemToObject(loopback, "mount", holder.release());
    return attach_mount(std::move(attachments), frame, translation);
}

/// The image is read-only, and what is written is kept beside it.
Result<std::string> live_definition(std::string_view written, Frame frame, Translation& translation) {
    frame.has_overlay = true;
    const std::string name(written);
    std::string path = frame.live_image;
    if (is_url(written)) {
        Json image = uri_mount(written);
        if (!written.ends_with(".iso")) return definition_around(name, std::move(image), std::move(frame));
        Json mount = loopback_mount(path, std::move(image), frame, translation);
        return definition_around(name, std::move(mount), std::move(frame));
    }
    if (Json disk = read_disk(written)) {
        Frame medium;
        medium.selection = std::move(disk);
        Json mount = loopback_mount(path, attach_mount({}, medium, translation), frame, translation);
        return definition_around(name, std::move(mount), std::move(frame));
    }
    if (!is_nfs(written)) return permanent_error("expected an http, https or tftp URL, nfs:… or a disk");
    NfsWords nfs = TRY(read_nfs_words(written, translation));
    size_t slash = nfs.path.rfind('/');
    path = nfs.path.substr(slash);
    nfs.path.resize(std::max(slash, size_t{1}));
    Json mount = loopback_mount(path, nfs_mount(nfs, true), frame, translation);
    return definition_around(name, std::move(mount), std::move(frame));
}

Result<std::string> nfs_definition(std::string_view written, Frame frame, Translation& translation) {
    NfsWords nfs = TRY(read_nfs_words(written, translation));
    add_nfs_options(nfs, join(frame.options, ","), translation);
    if (!frame.is_writable) frame.is_writable = nfs.is_writable;
    bool is_read_only = frame.has_overlay || !frame.is_writable.value_or(false);
    return definition_around(text(nfs.host, ":", nfs.path), nfs_mount(nfs, is_read_only), std::move(frame));
}

} // namespace

bool is_served(std::string_view written) {
    for (std::string_view prefix : {kIscsi, kNbd, kLive, std::string_view("nfs:"), std::string_view("nfs4:")})
        if (written.starts_with(prefix)) return true;
    bool is_disk = written.starts_with("/dev/") || written.starts_with("block:");
    return is_url(written) || (is_nfs(written) && !is_disk);
}

Result<Json> served_attachment(std::string_view written, const IscsiSettings& settings, Frame& frame,
                               Translation& translation) {
    if (written.starts_with(kNbd)) return nbd_attachment(written.substr(kNbd.size()), frame, translation);
    return iscsi_attachment(written.substr(kIscsi.size()), settings, translation);
}

Result<std::string> served_definition(std::string_view written, const IscsiSettings& settings, Frame frame,
                                      Translation& translation) {
    if (written.starts_with(kIscsi))
        return iscsi_definition(written, settings, std::move(frame), translation);
    if (written.starts_with(kNbd)) {
        std::vector<Json> attachments;
        attachments.push_back(TRY(served_attachment(written, settings, frame, translation)));
        Json mount = attach_mount(std::move(attachments), frame, translation);
        return definition_around(std::string(written), std::move(mount), std::move(frame));
    }
    if (written.starts_with(kLive))
        return live_definition(written.substr(kLive.size()), std::move(frame), translation);
    if (is_url(written)) return live_definition(written, std::move(frame), translation);
    if (!is_nfs(written))
        return permanent_error("expected iscsi:SERVER:PROTOCOL:PORT:LUN:TARGET or nfs:SERVER:/PATH");
    return nfs_definition(written, std::move(frame), translation);
}

} // namespace mangrove
