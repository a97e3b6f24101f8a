#include "source/frame.h"

#include <algorithm>
#include <iterator>

namespace mangrove {

namespace {

constexpr std::string_view kOff[] = {"0", "no", "off"};

bool is_switch(std::string_view value) {
    return value.empty() || value == "1" || value == "yes" || value == "on"
           || std::ranges::find(kOff, value) != std::end(kOff);
}

/// "tmpfs:size=4G,nr_inodes=1000" of rd.overlay=
void take_memory(Frame& frame, std::string_view written, Translation& translation) {
    for (const std::string& option : split(written, ',')) {
        if (option.starts_with("size="))
            frame.upper_size = option.substr(5);
        else if (!option.empty())
            translation.note("the option '", option, "' of rd.overlay= is ignored");
    }
}

/// "LABEL=persist", "/dev/sdb1:path", "LABEL=persist:auto"
void take_disk(Frame& frame, std::string_view written, Translation& translation) {
    size_t colon = written.rfind(':');
    Json disk = read_disk(written.substr(0, colon));
    if (!disk) {
        translation.note("rd.overlay=", written, " names no disk; keeping changes in memory");
        return;
    }
    std::string_view path = colon == std::string_view::npos ? "" : written.substr(colon + 1);
    while (path.starts_with("/"))
        path.remove_prefix(1);
    frame.upper_path = path.empty() || path == "auto" ? "overlay" : path;
    frame.upper = make_json_object();
    cJSON* attach = add_kind(frame.upper.get(), "attach");
    cJSON* attachment = cJSON_AddObjectToObject(attach, "attach");
    cJSON_AddStringToObject(attachment, "kind", "local");
    cJSON_AddItemToObject(attachment, "local", disk.release());
}

void take_overlay(Frame& frame, const KernelCommandLine& command_line, Translation& translation) {
    frame.has_overlay =
        is_on(command_line, {"rd.overlay"}) || is_on(command_line, {"rd.live.overlay.overlayfs"});
    std::string size = last_value(command_line, {"rd.live.overlay.size"});
    if (!size.empty()) frame.upper_size = size + "M";
    std::string place = last_value(command_line, {"rd.overlay"});
    if (is_switch(place)) place = last_value(command_line, {"rd.live.overlay", "overlay"});
    if (place == "none") frame.has_overlay = false;
    if (is_switch(place) || place == "none") return;
    if (place.starts_with("tmpfs:"))
        take_memory(frame, std::string_view(place).substr(6), translation);
    else
        take_disk(frame, place, translation);
}

cJSON* add_overlay(cJSON* definition, Frame& frame) {
    cJSON* overlay = add_kind(cJSON_AddObjectToObject(definition, "mount"), "overlay");
    cJSON* lower = cJSON_AddArrayToObject(overlay, "lower");
    if (frame.upper) {
        cJSON* upper = cJSON_AddObjectToObject(overlay, "upper");
        cJSON_AddItemToObject(upper, "mount", frame.upper.release());
        add_text(upper, "path", frame.upper_path);
    } else if (!frame.upper_size.empty()) {
        add_text(cJSON_AddObjectToObject(overlay, "upper"), "size", frame.upper_size);
    }
    return lower;
}

} // namespace

std::string last_value(const KernelCommandLine& command_line, std::initializer_list<std::string_view> names) {
    for (std::string_view name : names)
        if (std::optional<std::string> value = command_line.value(name); value && !value->empty())
            return *value;
    return {};
}

bool is_on(const KernelCommandLine& command_line, std::initializer_list<std::string_view> names) {
    bool on = false;
    for (const KernelArgument& argument : command_line.arguments())
        if (std::ranges::find(names, argument.name) != names.end())
            on = std::ranges::find(kOff, argument.value) == std::end(kOff);
    return on;
}

Json read_disk(std::string_view written) {
    struct Prefix {
        std::string_view text;
        const char* key;
    };
    // No udev makes the links of /dev/disk there; where it does, the keys work, too.
    constexpr Prefix kPrefixes[] = {{"LABEL=", "label"},
                                    {"UUID=", "uuid"},
                                    {"PARTUUID=", "partuuid"},
                                    {"PARTLABEL=", "partlabel"},
                                    {"CDLABEL=", "label"},
                                    {"/dev/disk/by-label/", "label"},
                                    {"/dev/disk/by-uuid/", "uuid"},
                                    {"/dev/disk/by-partuuid/", "partuuid"},
                                    {"/dev/disk/by-partlabel/", "partlabel"},
                                    {"/dev/", "path"}};
    if (written.starts_with("block:")) written.remove_prefix(6);
    for (const Prefix& prefix : kPrefixes) {
        if (!written.starts_with(prefix.text) || written.size() == prefix.text.size()) continue;
        std::string value(written);
        if (prefix.text != "/dev/") value.erase(0, prefix.text.size());
        std::erase(value, '"');
        Json disk = make_json_object();
        add_text(disk.get(), prefix.key, value);
        return disk;
    }
    return nullptr;
}

void add_mount_options(Frame& frame, std::string_view written) {
    for (const std::string& option : split(written, ',')) {
        if (option == "ro" || option == "rw")
            frame.is_writable = frame.is_writable.value_or(option == "rw");
        else if (!option.empty() && option != "defaults")
            frame.options.push_back(option);
    }
}

Frame frame_of_dracut(const KernelCommandLine& command_line, Translation& translation) {
    Frame frame;
    if (is_on(command_line, {"ro"})) frame.is_writable = false;
    if (is_on(command_line, {"rw"})) frame.is_writable = true;
    add_mount_options(frame, last_value(command_line, {"rootflags"}));
    frame.fs_type = last_value(command_line, {"rootfstype"});
    // The kernel takes a list of them.
    if (frame.fs_type == "auto" || frame.fs_type.starts_with("nfs") || frame.fs_type.contains(','))
        frame.fs_type.clear();
    frame.command = last_value(command_line, {"init"});
    take_overlay(frame, command_line, translation);
    std::string directory = last_value(command_line, {"rd.live.dir", "live_dir"});
    std::string image = last_value(command_line, {"rd.live.squashimg"});
    std::string_view inside = directory;
    while (inside.starts_with("/"))
        inside.remove_prefix(1);
    frame.live_image =
        text('/', inside.empty() ? "LiveOS" : inside, '/', image.empty() ? "squashfs.img" : image);
    return frame;
}

Json attach_mount(std::vector<Json> attachments, Frame& frame, Translation& translation) {
    Json attachment = attachments.empty() ? Json() : std::move(attachments.front());
    if (frame.selection) {
        if (attachment) {
            cJSON* on = cJSON_AddArrayToObject(frame.selection.get(), "on");
            cJSON_AddItemToArray(on, attachment.release());
            for (size_t i = 1; i < attachments.size(); ++i)
                cJSON_AddItemToArray(on, attachments[i].release());
        }
        attachment = make_json_object();
        cJSON_AddStringToObject(attachment.get(), "kind", "local");
        cJSON_AddItemToObject(attachment.get(), "local", frame.selection.release());
    } else if (attachments.size() > 1) {
        translation.note("root= does not name which of ", attachments.size(),
                         " disks holds the root; using the first");
    }
    Json mount = make_json_object();
    cJSON* attach = add_kind(mount.get(), "attach");
    std::vector<std::string> options = std::move(frame.options);
    if (frame.has_overlay || !frame.is_writable.value_or(false)) options.insert(options.begin(), "ro");
    add_text(attach, "fs_type", frame.fs_type);
    add_texts(attach, "mount_options", options);
    cJSON_AddItemToObject(attach, "attach", attachment.release());
    return mount;
}

std::string definition_around(const std::string& name, Json mount, Frame frame) {
    Json definition = make_json_object();
    cJSON_AddStringToObject(definition.get(), "name", name.c_str());
    add_text(definition.get(), "command", frame.command);
    bool is_on_disk = text_at(mount.get(), "kind") == "attach";
    // As systemd does after dracut's initramfs; the fstab of a directory of NFS is another machine's.
    if (!frame.has_overlay && is_on_disk) cJSON_AddTrueToObject(definition.get(), "remount");
    if (frame.has_overlay)
        cJSON_AddItemToArray(add_overlay(definition.get(), frame), mount.release());
    else
        cJSON_AddItemToObject(definition.get(), "mount", mount.release());
    return print_json(definition);
}

} // namespace mangrove
