#include "machine/kernel_command_line.h"

#include <algorithm>

#include "base/log.h"
#include "machine/run_files.h"

namespace mangrove {

const std::vector<KnownArgument>& known_arguments() {
    static const std::vector<KnownArgument> arguments = {
        {"mangrove.definition", "where the definition comes from; may be repeated, tried in order"},
        {"mangrove.signature", "the signature of a definition that has none beside it; may be repeated"},
        {"mangrove.dhcp_option", "the number of the DHCP option that holds the definition"},
        {"mangrove.ca", "the file of the initramfs with the CA certificates for https"},
        {"mangrove.identity", "the identity of this machine: its UUID, or the address of a card"},
        {"mangrove.report", "where a boot that failed says why, if its definition has no report"},
        {"mangrove.served", "what mangrove-head served, for the report"},
        {"mangrove.on_failure", "what happens when no definition could be booted"},
        {"mangrove.watchdog",
         "the seconds after which the hardware watchdog ends a machine that hangs, or off"},
        {"mangrove.probation",
         "the seconds after which a machine restarts that does not reach its head node"},
        {"mangrove.profile", "record: which files the boot reads is recorded"},
        {"ip", "the address of an interface, static or by DHCP; may be repeated"},
        {"nfsaddrs", "the same as `ip`"},
        {"BOOTIF", "the interface that the boot loader used, by its hardware address"},
        {"rd.bootif", "0: `BOOTIF` is ignored"},
        {"bootdev", "the interface to use when `ip` names none"},
        {"ifname", "the name of the interface with a hardware address; may be repeated"},
        {"vlan", "a VLAN on an interface; may be repeated"},
        {"bond", "several interfaces as one; may be repeated"},
        {"rd.route", "a route; may be repeated"},
        {"nameserver", "the address of a name server; may be repeated"},
        {"rd.peerdns", "0: the name servers of DHCP and routers are not used"},
    };
    return arguments;
}

static KernelArgument parse_argument(std::string_view word) {
    // Quotes may stand around the whole argument or around the value alone.
    if (word.size() >= 2 && word.front() == '"' && word.back() == '"') word = word.substr(1, word.size() - 2);
    size_t equals = word.find('=');
    if (equals == std::string_view::npos) return {std::string(word), {}, false};
    std::string_view value = word.substr(equals + 1);
    if (!value.empty() && value.front() == '"') {
        value.remove_prefix(1);
        if (!value.empty() && value.back() == '"') value.remove_suffix(1);
    }
    return {std::string(word.substr(0, equals)), std::string(value), true};
}

KernelCommandLine KernelCommandLine::parse(std::string_view line) {
    KernelCommandLine result;
    std::string word;
    bool in_quotes = false;
    auto finish_word = [&] {
        if (!word.empty()) result.arguments_.push_back(parse_argument(word));
        word.clear();
    };
    for (char c : line) {
        bool is_blank = c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0';
        if (is_blank && !in_quotes) {
            finish_word();
            continue;
        }
        if (c == '"') in_quotes = !in_quotes;
        word += c;
    }
    finish_word();
    return result;
}

std::optional<std::string> KernelCommandLine::value(std::string_view name) const {
    std::vector<std::string> all = values(name);
    if (all.empty()) return std::nullopt;
    return all.back();
}

std::vector<std::string> KernelCommandLine::values(std::string_view name) const {
    std::vector<std::string> all;
    for (const KernelArgument& argument : arguments_)
        if (argument.name == name && argument.has_value) all.push_back(argument.value);
    return all;
}

Result<std::string> read_arguments(System& system) {
    bool is_soft = system.path_kind(kSoftArguments) != PathKind::missing;
    return system.read_file(is_soft ? kSoftArguments : "/proc/cmdline");
}

Result<KernelCommandLine> read_kernel_command_line(System& system) {
    std::string line = TRY(read_arguments(system), "reading the kernel command line");
    KernelCommandLine command_line = KernelCommandLine::parse(line);
    std::vector<std::string> names;
    for (const KnownArgument& known : known_arguments())
        names.emplace_back(known.name);
    for (const KernelArgument& argument : command_line.arguments()) {
        if (!argument.name.starts_with("mangrove.")) continue;
        if (std::find(names.begin(), names.end(), argument.name) == names.end())
            log_warning("kernel command line: unknown argument '", argument.name, "', ignoring",
                        did_you_mean(argument.name, names));
    }
    return command_line;
}

} // namespace mangrove
