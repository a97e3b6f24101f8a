#include "base/log.h"
#include "keeper/keeper.h"
#include "net/lease_renewal.h"
#include "root/hand_over_network.h"
#include "root/layers.h"
#include "root/replace_file.h"
#include "root/report.h"
#include "root/report_unit.h"
#include "root/root.h"
#include "root/tear_down.h"
#include "system/machine_identity.h"

namespace mangrove {

std::string without_root_line(const std::string& fstab) {
    std::string kept;
    for (const std::string& line : split(fstab, '\n')) {
        std::vector<std::string> fields;
        std::string spaced = line;
        for (char& c : spaced)
            if (c == '\t') c = ' ';
        for (const std::string& field : split(spaced, ' '))
            if (!field.empty()) fields.push_back(field);
        bool names_root = fields.size() >= 2 && !fields[0].starts_with("#") && fields[1] == "/";
        kept += (names_root ? "#mangrove# " : "") + line + "\n";
    }
    kept.pop_back(); // split gave one part more than there are newlines
    return kept;
}

static Result<> hide_root_line(System& system, Root& root) {
    if (system.path_kind(root.path + "/etc/fstab") != PathKind::file) return {};
    std::string fstab = TRY(system.read_file(root.path + "/etc/fstab"));
    std::string kept = without_root_line(fstab);
    if (kept == fstab) return {};
    return replace_file(system, root, "/etc/fstab", kept);
}

/// A machine-id (machine-id(5)) that is the same at each boot of this machine: its UUID.
static Result<> set_machine_id(System& system, Root& root) {
    std::string path = root.path + "/etc/machine-id";
    PathKind kind = system.path_kind(path);
    if (kind != PathKind::file && kind != PathKind::missing) return {};
    if (kind == PathKind::file) {
        std::string present = TRY(system.read_file(path));
        if (!trim(present).empty() && trim(present) != "uninitialized") return {};
    }
    Result<MachineIdentity> identity = machine_identity(system);
    if (!identity || identity->origin != "UUID") {
        log_notice("this machine has no UUID of its own; its machine-id will be another one at each boot");
        return {};
    }
    std::string id = identity->text;
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

Result<> hand_over(System& system, const definition::Definition& definition, Root& root,
                   const std::optional<NetworkConfiguration>& network) {
    std::string host_name = definition.hostname;
    if (host_name.empty() && network) host_name = host_name_from(network->host_name);
    if (!host_name.empty()) TRY(system.set_host_name(host_name));
    TRY(hide_root_line(system, root), "taking the line for / out of /etc/fstab");
    TRY(set_machine_id(system, root), "setting the machine-id");
    root.report = report_of_node(system, definition, network);
    if (!network) return {};
    system.other_residents = lease_renewals(*network);
    return hand_over_network(system, root, *network);
}

static void report_boot(System& system, const Root& root) {
    if (Result<> written = write_report(system, root.name); !written)
        log_warning("writing the report of the boot: ", written.error().what, ", ignoring");
}

static void keep_connections(System& system, const Root& root) {
    Result<> started = timed(system, "starting the keeper", [&]() -> Result<> {
        std::string mountinfo = TRY(system.read_file("/proc/self/mountinfo"));
        return start_keeper(system, storage_of(layers_in(mountinfo, root.path), root.path));
    });
    if (started) return;
    system.timeline.keeper_error = started.error().what;
    log_warning("starting the keeper: ", started.error().what,
                ", ignoring: a connection of iSCSI or NBD that is lost will not come back, and a shutdown "
                "without the root will not end");
}

static void prepare_end(System& system) {
    Result<> installed =
        timed(system, "preparing the end of the machine", [&] { return install_shutdown(system); });
    if (!installed)
        log_warning("preparing the end of the machine: ", installed.error().what,
                    ", ignoring: its servers will not be told");
}

static void prepare_post(System& system, const Root& root) {
    if (!root.report) return;
    if (Result<> installed = install_report_unit(system, *root.report); !installed)
        log_warning("preparing the posting of the report: ", installed.error().what,
                    ", ignoring: it will not be posted");
}

Result<> switch_root(System& system, Root& root) {
    log_notice("switching to the root '", root.name, "'");
    // From here on there is no way back: the old root is being emptied.
    root.undo.keep();
    keep_connections(system, root);
    prepare_end(system);
    prepare_post(system, root);
    TRY(timed(system, "switching into the root", [&] { return system.switch_root(root.path); }),
        "switching into the root");
    report_boot(system, root);
    return system.execute(root.command);
}

/// True for all names of the program that other initramfses start.
static bool is_default_command(System& system, const Root& root) {
    Result<std::string> wanted = system.resolve_in_root(root.path, root.command.front());
    Result<std::string> usual = system.resolve_in_root(root.path, definition::Definition().command.front());
    return root.command.size() == 1 && wanted && usual && *wanted == *usual;
}

Result<> leave_root(System& system, Root& root) {
    if (!is_default_command(system, root))
        log_warning("command: the initramfs's own init starts the real one (init=), not '",
                    join(root.command, " "), "', ignoring");
    root.undo.keep();
    keep_connections(system, root);
    prepare_end(system);
    prepare_post(system, root);
    report_boot(system, root);
    log_notice("the root '", root.name, "' is on ", root.path);
    return {};
}

} // namespace mangrove
