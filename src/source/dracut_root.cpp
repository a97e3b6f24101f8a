#include "source/dracut_root.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "source/nfs_words.h"
#include "source/served_root.h"

namespace mangrove {

namespace {

/// Whether `root=` leaves the root to another argument, or holds a traditional placeholder.
bool names_nothing(std::string_view root) {
    constexpr std::string_view kNothing[] = {"",      "mangrove", "/dev/root", "/dev/ram", "rootfs", "ramfs",
                                             "tmpfs", "none",     "iscsi",     "nbd",      "auto"};
    return root.starts_with("/dev/ram") || std::ranges::find(kNothing, root) != std::end(kNothing);
}

bool is_attachment(std::string_view word) {
    return (word.starts_with("iscsi:") && word != "iscsi:") || word.starts_with("nbd:");
}

std::string target_of_settings(const KernelCommandLine& command_line) {
    std::string name = last_value(command_line, {"rd.iscsi.target.name", "iscsi_target_name"});
    if (name.empty()) return {};
    std::string host = last_value(command_line, {"rd.iscsi.target.ip", "iscsi_target_ip"});
    if (host.contains(':') && !host.starts_with("[")) host = text('[', host, ']');
    return text("iscsi:", host, "::", last_value(command_line, {"rd.iscsi.target.port", "iscsi_target_port"}),
                ":", last_value(command_line, {"rd.iscsi.target.lun", "rd.iscsi.lun", "iscsi_target_lun"}),
                ":", name);
}

/// Returns the values of `netroot=`, else the one of `rd.iscsi.target.…`.
std::vector<std::string> attachment_words(const KernelCommandLine& command_line) {
    std::vector<std::string> words = command_line.values("netroot");
    std::erase_if(words, [](const std::string& word) { return !is_attachment(word); });
    if (words.empty()) words.push_back(target_of_settings(command_line));
    std::erase(words, "");
    return words;
}

/// TRANSPORT,ADDRESS,[ADDRESS OF THIS HOST],[PORT] of `rd.nvmf.discover=`; nothing for other transports.
Json nvme_attachment(std::string_view written, const KernelCommandLine& command_line,
                     Translation& translation) {
    std::vector<std::string> fields = split(written, ',');
    fields.resize(std::max(fields.size(), size_t{4}));
    if (fields[0] != "tcp" || fields[1].empty()) {
        translation.note("rd.nvmf.discover=", written, ": only tcp,ADDRESS is supported, ignoring");
        return nullptr;
    }
    Json attachment = make_json_object();
    cJSON* nvme = add_kind(attachment.get(), "nvme");
    add_text(nvme, "host", fields[1]);
    if (std::optional<uint64_t> port = parse_number(fields[3]); port && *port >= 1 && *port <= 65535)
        cJSON_AddNumberToObject(nvme, "port", static_cast<double>(*port));
    add_text(nvme, "hostnqn", last_value(command_line, {"rd.nvmf.hostnqn", "nvmf.hostnqn"}));
    add_text(nvme, "hostid", lower_case(last_value(command_line, {"rd.nvmf.hostid", "nvmf.hostid"})));
    return attachment;
}

std::vector<std::string> discoveries(const KernelCommandLine& command_line) {
    std::vector<std::string> all = command_line.values("rd.nvmf.discover");
    return all.empty() ? command_line.values("nvmf.discover") : all;
}

/// Devices that programs make which no initramfs of ours has.
std::string_view missing_layer(std::string_view root) {
    if (root.starts_with("/dev/mapper/") || root.starts_with("/dev/dm-"))
        return "LVM, LUKS or multipath devices";
    if (root.starts_with("/dev/md")) return "MD RAID";
    if (root.starts_with("zfs:") || root.starts_with("ZFS=")) return "ZFS";
    if (root.starts_with("cifs:")) return "CIFS";
    if (root.starts_with("fcoe:")) return "FCoE";
    return {};
}

Result<std::string> definition_on_disks(const KernelCommandLine& command_line, Translation& translation) {
    std::string root = last_value(command_line, {"root"});
    if (std::string_view layer = missing_layer(root); !layer.empty())
        return permanent_error("root=", root, ": a root on ", layer, " is not supported");
    Frame frame = frame_of_dracut(command_line, translation);
    IscsiSettings settings = iscsi_settings(command_line);
    std::vector<Json> attachments;
    for (const std::string& word : attachment_words(command_line))
        attachments.push_back(TRY(served_attachment(word, settings, frame, translation), "reading netroot="));
    for (const std::string& word : discoveries(command_line))
        if (Json nvme = nvme_attachment(word, command_line, translation))
            attachments.push_back(std::move(nvme));
    frame.selection = selected_disk(command_line);
    if (attachments.empty() && !frame.selection)
        return permanent_error("root=", root,
                               ": unknown root; write it as dracut.cmdline(7) has it, or name a "
                               "definition with mangrove.definition=");
    std::string name = root;
    if (names_nothing(root)) name = text_at(cJSON_GetObjectItem(attachments[0].get(), "iscsi"), "target");
    Json mount = attach_mount(std::move(attachments), frame, translation);
    return definition_around(name.empty() ? "root" : name, std::move(mount), std::move(frame));
}

/// Of dracut's own arguments those that nothing here reads. The network's are read elsewhere.
void note_meaningless(const KernelCommandLine& command_line, Translation& translation) {
    std::set<std::string_view> known;
    for (const KnownArgument& argument : dracut_arguments())
        known.insert(argument.name);
    for (const KnownArgument& argument : known_arguments())
        known.insert(argument.name);
    std::vector<std::string> meaningless;
    for (const KernelArgument& argument : command_line.arguments()) {
        const std::string& name = argument.name;
        bool is_of_dracut = name.starts_with("rd.") || name == "rootfallback";
        bool is_of_network = name.starts_with("rd.net.") || name == "rd.neednet" || name == "rd.peerdns"
                             || name == "rd.route" || name == "rd.bootif";
        if (is_of_dracut && !is_of_network && !known.contains(name)
            && std::ranges::find(meaningless, name) == meaningless.end())
            meaningless.push_back(name);
    }
    if (!meaningless.empty())
        translation.note("arguments not used here, ignoring: ", join(meaningless, ", "));
}

std::string nfs_root(const KernelCommandLine& command_line) {
    std::string root = last_value(command_line, {"root"});
    return root == "/dev/nfs" || names_nothing(root) ? last_value(command_line, {"nfsroot"}) : "";
}

} // namespace

const std::vector<KnownArgument>& dracut_arguments() {
    static const std::vector<KnownArgument> arguments = {
        {"root", "the root, or the disk that it is on"},
        {"netroot", "an iSCSI LUN or an NBD export with the root; may be repeated"},
        {"nfsroot", "the directory of NFS, with root=/dev/nfs"},
        {"rw", "the root is written to"},
        {"ro", "the root is mounted read-only"},
        {"rootfstype", "the type of the root's file system"},
        {"rootflags", "the root's mount options"},
        {"init", "the program that is started in the root"},
        {"rd.overlay", "an overlay in memory, or on a disk, over the root"},
        {"rd.live.overlay", "the disk for the overlay of a live image"},
        {"rd.live.overlay.overlayfs", "an overlay in memory over the root"},
        {"rd.live.overlay.size", "the size limit of the overlay in memory, in MiB"},
        {"rd.live.dir", "the directory of a live medium"},
        {"rd.live.squashimg", "the image in it"},
        {"rd.iscsi.initiator", "the name of the iSCSI initiator"},
        {"rd.iscsi.target.name", "the iSCSI target, without netroot=iscsi:"},
        {"rd.iscsi.target.ip", "its server"},
        {"rd.iscsi.target.port", "its port"},
        {"rd.iscsi.target.lun", "its LUN"},
        {"rd.iscsi.username", "the user for CHAP"},
        {"rd.iscsi.password", "the password for CHAP"},
        {"rd.iscsi.in.username", "the target's user for mutual CHAP"},
        {"rd.iscsi.in.password", "the target's password for mutual CHAP"},
        {"rd.iscsi.param", "a parameter of iscsiadm; may be repeated"},
        {"rd.nvmf.discover", "the NVMe/TCP discovery controller that names the subsystem"},
        {"rd.nvmf.hostnqn", "the name of the NVMe host"},
        {"rd.nvmf.hostid", "the identity of the NVMe host"},
        {"modprobe.blacklist", "modules that are not loaded"},
        {"module_blacklist", "the same"},
        {"rd.driver.blacklist", "the same"},
        {"rd.driver.pre", "modules that are loaded before those of the devices"},
        {"rd.driver.post", "modules that are loaded after those of the devices"},
    };
    return arguments;
}

RootWords root_words(const KernelCommandLine& command_line) {
    if (!command_line.values("mangrove.definition").empty()) return RootWords::none;
    std::string root = last_value(command_line, {"root"});
    if (is_served(root)) return RootWords::described;
    if (root == "dhcp" || root == "dhcp6") return RootWords::dhcp;
    if (!nfs_root(command_line).empty()) return RootWords::described;
    bool has_attachments = !attachment_words(command_line).empty() || !discoveries(command_line).empty();
    if (has_attachments) return RootWords::described;
    std::vector<std::string> netroots = command_line.values("netroot");
    bool asks_dhcp = std::ranges::find(netroots, "dhcp") != netroots.end() || root == "/dev/nfs";
    if (asks_dhcp) return RootWords::dhcp;
    return names_nothing(root) ? RootWords::none : RootWords::described;
}

Json selected_disk(const KernelCommandLine& command_line) {
    std::string root = last_value(command_line, {"root"});
    // The whole of what netroot= names. A path of iSCSI may have the number of a partition at its end.
    bool is_whole =
        root == "/dev/nbd0"
        || (root.starts_with("/dev/disk/by-path/") && root.contains("-iscsi-") && !root.contains("-part"));
    if (names_nothing(root) || root == "/dev/nfs" || is_whole) return nullptr;
    return read_disk(root);
}

IscsiSettings iscsi_settings(const KernelCommandLine& command_line) {
    IscsiSettings settings;
    settings.initiator = last_value(command_line, {"rd.iscsi.initiator", "iscsi_initiator"});
    settings.credentials[0] = last_value(command_line, {"rd.iscsi.username", "iscsi_username"});
    settings.credentials[1] = last_value(command_line, {"rd.iscsi.password", "iscsi_password"});
    settings.credentials[2] = last_value(command_line, {"rd.iscsi.in.username", "iscsi_in_username"});
    settings.credentials[3] = last_value(command_line, {"rd.iscsi.in.password", "iscsi_in_password"});
    settings.parameters = command_line.values("rd.iscsi.param");
    return settings;
}

Translation translation_with(const Lease& lease) {
    Translation translation;
    translation.server = (lease.next_server.is_unspecified() ? lease.server : lease.next_server).to_text();
    translation.node = lease.host_name.empty() ? lease.address.to_text() : lease.host_name;
    return translation;
}

Result<std::string> definition_from_command_line(const KernelCommandLine& command_line,
                                                 Translation& translation) {
    std::string root = last_value(command_line, {"root"});
    std::string served = is_served(root) ? root : nfs_root(command_line);
    note_meaningless(command_line, translation);
    if (served.empty()) return definition_on_disks(command_line, translation);
    if (!attachment_words(command_line).empty())
        translation.note("root= names the root, ignoring netroot= and rd.iscsi.target.name=");
    Frame frame = frame_of_dracut(command_line, translation);
    return TRY(served_definition(served, iscsi_settings(command_line), std::move(frame), translation),
               "reading ", is_served(root) ? "root=" : "nfsroot=");
}

} // namespace mangrove
