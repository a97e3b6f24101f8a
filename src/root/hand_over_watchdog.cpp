// Hands the hardware watchdog to systemd, as systemd-system.conf(5) has it.

#include "root/hand_over_watchdog.h"

#include <map>

#include "base/log.h"
#include "machine/kernel_command_line.h"

namespace mangrove {

namespace {

constexpr const char* kConfigurations[] = {"/usr/lib/systemd/system.conf", "/etc/systemd/system.conf"};
/// A file of a later directory hides one of the same name.
constexpr const char* kDropIns[] = {"/usr/lib/systemd/system.conf.d", "/usr/local/lib/systemd/system.conf.d",
                                    "/etc/systemd/system.conf.d"};
constexpr std::string_view kKey = "RuntimeWatchdogSec=";

bool is_systemd(System& system, const Root& root) {
    Result<std::string> program = system.resolve_in_root(root.path, root.command.front());
    return program && program->ends_with("/systemd");
}

/// In the order in which systemd reads them.
std::vector<std::string> configuration_files(System& system, const std::string& root) {
    std::vector<std::string> files(std::begin(kConfigurations), std::end(kConfigurations));
    std::map<std::string, std::string> drop_ins;
    for (const char* directory : kDropIns) {
        Result<std::string> inside = system.resolve_in_root(root, directory);
        Result<std::vector<std::string>> names =
            inside ? system.list_directory(*inside) : std::unexpected(inside.error());
        for (const std::string& name : names.value_or(std::vector<std::string>()))
            if (name.ends_with(".conf")) drop_ins[name] = text(directory, "/", name);
    }
    for (const auto& [name, path] : drop_ins)
        files.push_back(path);
    return files;
}

/// The image's own setting of the watchdog; empty: it has none.
std::string own_setting(System& system, const std::string& root) {
    std::string setting;
    for (const std::string& file : configuration_files(system, root)) {
        Result<std::string> path = system.resolve_in_root(root, file);
        Result<std::string> written = path ? system.read_file(*path) : std::unexpected(path.error());
        for (const std::string& line : split(written.value_or(""), '\n'))
            if (std::string_view words = trim(line); words.starts_with(kKey))
                setting = trim(words.substr(kKey.size()));
    }
    Result<std::string> line = system.read_file("/proc/cmdline");
    return KernelCommandLine::parse(line.value_or("")).value("systemd.watchdog_sec").value_or(setting);
}

bool is_off(const std::string& setting) {
    return setting == "0" || setting == "off" || setting == "no" || setting == "false"
           || setting == "disabled";
}

Result<> write_drop_in(System& system, seconds timeout) {
    std::string path = kWatchdogDropIn;
    TRY(system.make_directory(path.substr(0, path.rfind('/'))));
    return system.write_file(path, text("[Manager]\n", kKey, timeout.count(), "\n"));
}

} // namespace

bool hand_over_watchdog(System& system, const Root& root, seconds timeout) {
    if (!is_systemd(system, root)) {
        log_notice(
            "the root's init is not systemd, which would take the hardware watchdog over; stopping it");
        return false;
    }
    std::string own = own_setting(system, root.path);
    if (is_off(own)) log_notice("the image has RuntimeWatchdogSec=", own, "; stopping the hardware watchdog");
    if (!own.empty()) return !is_off(own);
    Result<> written = write_drop_in(system, timeout);
    if (!written)
        log_warning("handing the hardware watchdog to systemd: ", written.error().what,
                    ", ignoring; stopping it");
    return written.has_value();
}

} // namespace mangrove
