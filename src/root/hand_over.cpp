#include <utility>

#include "base/log.h"
#include "boot/guard.h"
#include "keeper/keeper.h"
#include "machine/guard_arguments.h"
#include "machine/machine_identity.h"
#include "net/lease_renewal.h"
#include "root/fstab.h"
#include "root/hand_over_network.h"
#include "root/hand_over_watchdog.h"
#include "root/layers.h"
#include "root/nvme_host.h"
#include "root/probation.h"
#include "root/record_profile.h"
#include "root/relabel.h"
#include "root/replace_file.h"
#include "root/report.h"
#include "root/report_unit.h"
#include "root/root.h"
#include "root/server_unit.h"
#include "root/tear_down.h"

namespace mangrove {

/// Whether the node has what a line of an fstab names.
static bool has_source(System& system, const std::string& root, const std::string& source) {
    for (auto [prefix, tag] : {std::pair{"UUID=", "UUID"},
                               {"LABEL=", "LABEL"},
                               {"PARTUUID=", "PARTUUID"},
                               {"/dev/disk/by-uuid/", "UUID"},
                               {"/dev/disk/by-label/", "LABEL"},
                               {"/dev/disk/by-partuuid/", "PARTUUID"}}) {
        if (!source.starts_with(prefix)) continue;
        std::string value = source.substr(std::string_view(prefix).size());
        std::erase(value, '"');
        return !system.find_device(tag, value).value_or("").empty();
    }
    bool is_device = source.starts_with("/dev/");
    return system.path_kind(is_device ? source : root + source) != PathKind::missing;
}

/// As above, where a disk that does not answer is one that the node does not have.
static bool has_source_in_time(System& system, const Root& root, const std::string& source) {
    constexpr seconds kTimeToLook{10};
    Result<std::string> found = system.run_bounded("looking for " + source, kTimeToLook, [&] {
        return Result<std::string>(has_source(system, root.path, source) ? "1" : "");
    });
    return found && !found->empty();
}

static Result<> adapt_fstab_of(System& system, const definition::Definition& definition, Root& root) {
    if (system.path_kind(root.path + "/etc/fstab") != PathKind::file) return {};
    std::string fstab = TRY(system.read_file(root.path + "/etc/fstab"));
    // No file of an overlay can be swapped to.
    bool takes_swap_files = !std::holds_alternative<definition::MountOverlay>(definition.mount.kind);
    AdaptedFstab adapted = adapt_fstab(
        fstab,
        [&](const std::string& source) {
            bool is_file = source.starts_with("/") && !source.starts_with("/dev/");
            return (takes_swap_files || !is_file) && has_source_in_time(system, root, source);
        },
        definition.remount);
    if (!adapted.missing.empty())
        log_notice("/etc/fstab: this node does not have ", join(adapted.missing, ", "),
                   "; the lines are optional in this boot");
    if (adapted.text == fstab) return {};
    return replace_file(system, root, "/etc/fstab", adapted.text);
}

/// A machine-id (machine-id(5)) that is the same at each boot of this machine.
static Result<> set_machine_id(System& system, Root& root) {
    std::string path = root.path + "/etc/machine-id";
    PathKind kind = system.path_kind(path);
    if (kind != PathKind::file && kind != PathKind::missing) return {};
    if (kind == PathKind::file) {
        std::string present = TRY(system.read_file(path));
        if (!trim(present).empty() && trim(present) != "uninitialized") return {};
    }
    Result<MachineIdentity> identity = machine_identity(system);
    if (!identity || identity->text.empty()) {
        log_notice("this machine has neither a UUID nor a network card; its machine-id will change at "
                   "each boot");
        return {};
    }
    std::string id = identity->to_uuid();
    std::erase(id, '-');
    if (Result<> written = replace_file(system, root, "/etc/machine-id", id + "\n"); !written)
        log_warning("setting the machine-id: ", written.error().what, ", ignoring");
    return {};
}

/// Linux takes 64 bytes, the network's names are up to 253 long. A label is never too long.
static std::string host_name_from(const std::string& name) {
    constexpr size_t kLongest = 64;
    return name.size() > kLongest ? name.substr(0, name.find('.')) : name;
}

/// The hostname(5) of the image would win over the name that the kernel has. Where there is none, a name that
/// the definition gives is written, so that no network manager changes it.
static Result<> write_host_name(System& system, Root& root, const std::string& name, bool is_from_dhcp) {
    std::string path = "/etc/hostname";
    bool is_missing = system.path_kind(root.path + path) == PathKind::missing;
    if (is_missing && is_from_dhcp) return {};
    if (!is_missing) {
        path = TRY(system.resolve_in_root(root.path, path)).substr(root.path.size());
        if (trim(TRY(system.read_file(root.path + path))) == name) return {};
    }
    Result<> written = replace_file(system, root, path, name + "\n");
    return is_missing ? Result<>() : written; // a read-only root without one has the kernel's
}

static Result<> name_node(System& system, const definition::Definition& definition, Root& root,
                          const std::optional<NetworkConfiguration>& network) {
    std::string name = definition.hostname;
    bool is_from_dhcp = name.empty() && network;
    if (is_from_dhcp) name = host_name_from(network->host_name);
    if (name.empty()) return {};
    // A running system has one already.
    Result<std::string> present = system.read_file("/proc/sys/kernel/hostname");
    TRY(system.set_host_name(name));
    if (present)
        root.undo.push("setting the host name", [&system, before = std::string(trim(*present))] {
            return system.set_host_name(before);
        });
    if (Result<> written = write_host_name(system, root, name, is_from_dhcp); !written)
        log_warning("changing /etc/hostname: ", written.error().what, ", ignoring");
    return {};
}

Result<> hand_over(Boot& boot, const definition::Definition& definition, Root& root) {
    System& system = boot.system;
    const std::optional<NetworkConfiguration>& network = boot.network;
    TRY(name_node(system, definition, root, network));
    TRY(adapt_fstab_of(system, definition, root), "adapting /etc/fstab to this node");
    TRY(set_machine_id(system, root), "setting the machine-id");
    if (Result<> handed_over = hand_over_nvme_host(system, root); !handed_over)
        log_warning("handing over the NVMe host's names: ", handed_over.error().what, ", ignoring");
    root.report = report_of_node(system, definition, network);
    root.files = server_of_node(system, kFilesUnit, definition, network);
    root.health = server_of_node(system, kHealthUnit, definition, network);
    if (!network) return {};
    boot.residents = lease_renewals(*network);
    // A running system has its managers' files, and a lease in other hands than this process's.
    return boot.soft_id.empty() ? hand_over_network(system, root, *network)
                                : hand_over_names(system, root, *network);
}

static void report_boot(Boot& boot, const Root& root) {
    if (Result<> written = write_report(boot, root.name); !written)
        log_warning("writing the report of the boot: ", written.error().what, ", ignoring");
}

static void keep_connections(Boot& boot, const Root& root) {
    Result<> started = timed(boot, "starting the keeper", [&]() -> Result<> {
        std::string mountinfo = TRY(boot.system.read_file("/proc/self/mountinfo"));
        return start_keeper(boot.system, boot.connections, boot.residents,
                            storage_of(layers_in(mountinfo, root.path), root.path, boot.connections));
    });
    if (started) return;
    boot.timeline.keeper_error = started.error().what;
    log_warning("starting the keeper: ", started.error().what,
                ", ignoring: a lost iSCSI or NBD connection will not be restored, and a shutdown "
                "without the root will hang");
}

static void prepare_end(Boot& boot) {
    Result<> installed = timed(boot, "preparing the shutdown", [&] { return install_shutdown(boot.system); });
    if (!installed)
        log_warning("preparing the end of the machine: ", installed.error().what,
                    ", ignoring: it will not disconnect from the root's servers");
}

static void prepare_relabel(System& system, const Root& root) {
    if (Result<> installed = install_relabel_unit(system, root); !installed)
        log_warning("preparing SELinux labels: ", installed.error().what,
                    ", ignoring: / and the files that Mangrove wrote will have the label of a tmpfs");
}

static void prepare_files(System& system, const Root& root) {
    if (!root.files) return;
    if (Result<> installed = install_server_unit(system, kFilesUnit, *root.files); !installed)
        log_warning("preparing to fetch the live files: ", installed.error().what,
                    ", ignoring: the node gets none");
}

static void prepare_post(System& system, const Root& root) {
    if (!root.report) return;
    if (Result<> installed = install_report_unit(system, *root.report); !installed)
        log_warning("preparing to post the report: ", installed.error().what,
                    ", ignoring: it will not be posted");
}

static void prepare_health(System& system, const Root& root) {
    if (!root.health) return;
    if (Result<> installed = install_server_unit(system, kHealthUnit, *root.health); !installed)
        log_warning("preparing to post the health: ", installed.error().what,
                    ", ignoring: it will not be posted");
}

void keep_probation(Boot& boot, const Root& root, const GuardArguments& guard) {
    if (guard.probation && root.health) boot.residents.push_back(probation(*guard.probation));
    if (guard.probation && !root.health)
        log_warning("mangrove.probation: the definition has no 'health', so nothing would end the probation; "
                    "ignoring");
}

/// Makes the root ready for its system. There is no way back from here.
static void prepare(Boot& boot, Root& root, const GuardArguments& guard) {
    System& system = boot.system;
    root.undo.keep();
    keep_probation(boot, root, guard);
    keep_connections(boot, root);
    prepare_end(boot);
    prepare_relabel(system, root);
    prepare_post(system, root);
    prepare_files(system, root);
    prepare_health(system, root);
    record_profile(boot, root);
}

Result<> switch_root(Boot& boot, Root& root) {
    System& system = boot.system;
    GuardArguments guard = guard_arguments(system);
    log_notice("switching to the root '", root.name, "'");
    // The old root is being emptied.
    prepare(boot, root, guard);
    bool is_taken_over = guard.watchdog && hand_over_watchdog(system, root, *guard.watchdog);
    if (is_taken_over)
        end_guard(boot);
    else
        give_up_guard(boot);
    TRY(timed(boot, "switching into the root", [&] { return system.switch_root(root.path); }),
        "switching into the root");
    report_boot(boot, root);
    return system.execute(root.command);
}

bool has_default_command(System& system, const Root& root) {
    Result<std::string> wanted = system.resolve_in_root(root.path, root.command.front());
    Result<std::string> usual = system.resolve_in_root(root.path, definition::Definition().command.front());
    return root.command.size() == 1 && wanted && usual && *wanted == *usual;
}

Result<> leave_root(Boot& boot, Root& root) {
    System& system = boot.system;
    if (!has_default_command(system, root))
        log_warning("command: the initramfs's own init starts the real one (init=), not '",
                    join(root.command, " "), "', ignoring");
    GuardArguments guard = guard_arguments(system);
    prepare(boot, root, guard);
    // systemd of the initramfs has opened it, if anybody has.
    if (guard.watchdog) hand_over_watchdog(system, root, *guard.watchdog);
    report_boot(boot, root);
    log_notice("the root '", root.name, "' is on ", root.path);
    return {};
}

} // namespace mangrove
