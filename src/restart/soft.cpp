#include "restart/soft.h"

#include <utility>
#include <variant>

#include "base/log.h"
#include "keeper/keeper.h"
#include "machine/boot_id.h"
#include "machine/guard_arguments.h"
#include "machine/kernel_command_line.h"
#include "machine/run_files.h"
#include "machine/set_aside.h"
#include "net/running_network.h"
#include "restart/hand_back.h"
#include "root/hand_over_watchdog.h"
#include "root/layers.h"
#include "root/probation.h"
#include "root/relabel.h"
#include "root/report.h"
#include "root/report_unit.h"
#include "root/root.h"
#include "root/server_unit.h"

namespace mangrove {

namespace {

constexpr unsigned kFirstVersion = 254;

/// Services of the running root that talk to the head node: they would tell it of the next one.
constexpr const char* kServices[] = {"mangrove-report.service", "mangrove-files.service",
                                     "mangrove-health.service", "mangrove-profile.service"};

/// Files in /run that belong to one root.
std::vector<std::string> files_of_root() {
    constexpr const char* kUnits = "/run/systemd/system/";
    std::vector<std::string> files = {kReportPath,
                                      kReportPostPath,
                                      kReportPosted,
                                      kFilesSettings,
                                      kFilesState,
                                      kHealthSettings,
                                      kProfilePath,
                                      kProfileEnd,
                                      kProfilePostPath,
                                      kSoftBootId,
                                      kProbationState,
                                      kWatchdogDropIn,
                                      text(kUnits, "mangrove-relabel.service"),
                                      text(kUnits, "sysinit.target.wants/mangrove-relabel.service")};
    for (const char* service : kServices) {
        files.push_back(text(kUnits, service));
        files.push_back(text(kUnits, "multi-user.target.wants/", service));
    }
    return files;
}

std::unexpected<Error> written_by_both() {
    return permanent_error(
        "the root is written to on a disk or a server, which two systems must not do at once");
}

Result<> check_layer(const definition::Mount& mount);

Result<> check_layer(const definition::MountPointer& mount) {
    return mount ? check_layer(*mount) : Result<>();
}

/// The files of an initramfs are gone by now.
std::unexpected<Error> in_initramfs(const definition::Mount& mount) {
    return permanent_error(mount.json_path, " is in the initramfs, which a running system has no more");
}

Result<> check_layer(const definition::Mount& mount) {
    if (const auto* overlay = std::get_if<definition::MountOverlay>(&mount.kind)) {
        if (overlay->upper.mount) return written_by_both();
        for (const definition::Mount& lower : overlay->lower)
            TRY(check_layer(lower));
    }
    if (const auto* bind = std::get_if<definition::MountBind>(&mount.kind))
        return bind->base == definition::Base::root ? in_initramfs(mount) : check_layer(bind->mount);
    if (const auto* uri = std::get_if<definition::MountUri>(&mount.kind);
        uri && uri->uri.starts_with("file:"))
        return in_initramfs(mount);
    const auto* attach = std::get_if<definition::MountAttach>(&mount.kind);
    const auto* local = attach ? std::get_if<definition::Local>(&attach->attachment.kind) : nullptr;
    if (local && !local->on.empty())
        return permanent_error(mount.json_path, " is looked for on the disks of 'on', and the running root "
                                                "may have the same ones");
    const auto* loop = attach ? std::get_if<definition::Loopback>(&attach->attachment.kind) : nullptr;
    if (!loop) return {};
    return loop->base == definition::Base::root ? in_initramfs(mount) : check_layer(loop->mount);
}

Result<> check_systemd(const Run& run) {
    std::optional<unsigned> version = systemd_version(run({"systemctl", "--version"}).output);
    if (!version) return permanent_error("no systemd is running");
    if (*version >= kFirstVersion) return {};
    return permanent_error("systemd ", *version, " is running, and can restart without a kernel from ",
                           kFirstVersion, " on");
}

/// Whether systemd can start from it.
Result<> check_root(System& system, const Root& root) {
    if (!has_default_command(system, root))
        return permanent_error("the root starts '", join(root.command, " "), "', and not systemd");
    TRY(system.resolve_in_root(root.path, "/usr/lib/systemd/systemd"), "looking for the root's systemd");
    return {};
}

/// systemd reads its file when it starts again; the probation begins now, and not with the kernel.
Result<> replace_guard(Boot& boot, const Root& root) {
    GuardArguments guard = guard_arguments(boot.system);
    if (guard.watchdog) hand_over_watchdog(boot.system, root, *guard.watchdog);
    if (guard.probation) TRY(note_heard(boot.system));
    keep_probation(boot, root, guard);
    return {};
}

/// While the services are stopped, nothing else writes these files.
Result<> replace_files(Boot& boot, const Root& root, Undo& undo) {
    System& system = boot.system;
    for (const std::string& path : files_of_root())
        TRY(set_aside(system, path, undo));
    TRY(replace_guard(boot, root));
    TRY(install_relabel_unit(system, root));
    if (root.report) TRY(install_report_unit(system, *root.report));
    if (root.files) TRY(install_server_unit(system, kFilesUnit, *root.files));
    if (root.health) TRY(install_server_unit(system, kHealthUnit, *root.health));
    return system.write_file(kSoftBootId, boot.soft_id + "\n");
}

/// All that is Mangrove's own in them counts from here on.
Result<> replace_arguments(System& system, const std::string& arguments, Undo& undo) {
    TRY(set_aside(system, kSoftArguments, undo));
    return system.write_file(kSoftArguments, arguments + "\n", 0600);
}

void push_stop(const Run& run, Undo& undo) {
    std::vector<std::string> words = {"systemctl", "stop"};
    words.insert(words.end(), std::begin(kServices), std::end(kServices));
    run(words); // those that are not there make it fail
    undo.push("starting the services again", [&run]() -> Result<> {
        for (const char* service : kServices)
            run({"systemctl", "start", "--no-block", service});
        return {};
    });
}

/// Starts what looks after the new root, now and when it is `/`.
Result<> start_processes(Boot& boot, const EarlierRoot& running, const Root& root, Undo& undo) {
    System& system = boot.system;
    std::vector<Layer> layers = TRY(layers_beside(system, running, root.path));
    EarlierRoot earlier = running;
    std::vector<std::string> carried;
    for (const Layer& layer : layers) {
        std::erase(earlier.devices, layer.source);
        if (layer.mount_point != root.path) carried.push_back(layer.mount_point);
    }
    undo.push("ending the keeper", [&system, before = running.keeper]() -> Result<> {
        KeeperOfRoot keeper = TRY(look_at_keeper(system));
        for (int process : before.processes)
            std::erase(keeper.processes, process);
        for (const std::string& path : before.states)
            std::erase(keeper.states, path);
        retire_keeper(system, keeper);
        return {};
    });
    TRY(timed(boot, "starting the keeper", [&] {
        return start_keeper(system, boot.connections, boot.residents,
                            storage_of(layers, root.path, boot.connections));
    }));
    earlier.directories.push_back(root.path);
    int process = TRY(system.start_across_roots(
        root.path, carried, [earlier](System& own_system) { hand_back(own_system, earlier); }));
    undo.push("ending the process that hands the root back",
              [&system, process] { return system.end_process(process); });
    return {};
}

Result<> start_again(const Run& run) {
    EndedProgram ended = run({"systemctl", "soft-reboot"});
    if (ended.status == 0) return {};
    return permanent_error("systemctl soft-reboot failed: ", trim(ended.output));
}

} // namespace

std::optional<unsigned> systemd_version(std::string_view output) {
    constexpr std::string_view kName = "systemd ";
    if (!output.starts_with(kName)) return std::nullopt;
    output.remove_prefix(kName.size());
    std::optional<uint64_t> version = parse_number(output.substr(0, output.find_first_not_of("0123456789")));
    return version ? std::optional(static_cast<unsigned>(*version)) : std::nullopt;
}

Result<> check_definition(const definition::Definition& definition) {
    TRY(check_layer(definition.mount));
    bool is_on_disk = std::holds_alternative<definition::MountAttach>(definition.mount.kind);
    return is_on_disk ? written_by_both() : Result<>();
}

Result<> restart_softly(System& system, const Plan& plan, const Run& run) {
    TRY(check_systemd(run));
    TRY(check_kernel(system, plan));
    EarlierRoot running = TRY(look_at_root(system));
    Undo arguments;
    TRY(replace_arguments(system, TRY(arguments_of(system, plan)), arguments));
    Boot boot(system);
    boot.timeline.start = system.now();
    boot.soft_id = TRY(new_boot_id(system));
    KernelCommandLine command_line = TRY(read_kernel_command_line(system));
    boot.network = TRY(running_network(system, command_line));
    Root root =
        TRY(provision_once(boot, plan.definition, check_definition), "assembling the root of the release");
    TRY(check_root(system, root));
    Undo undo;
    push_stop(run, undo);
    TRY(replace_files(boot, root, undo), "preparing the change of the root");
    TRY(start_processes(boot, running, root, undo), "preparing the change of the root");
    TRY(write_report(boot, root.name));
    TRY(start_again(run));
    undo.keep();
    root.undo.keep();
    arguments.keep();
    log_notice("systemd starts again from the root '", root.name, "'");
    return {};
}

} // namespace mangrove
