#include "provision.h"

#include <algorithm>
#include <optional>

#include "base/log.h"
#include "definition/parse.h"
#include "net/bring_up.h"
#include "source/source.h"

namespace mangrove {

using definition::Definition;

/// From the definition to the real root. On failure nothing of it is left.
static Result<> provision(System& system, const KernelCommandLine& command_line, const Definition& definition,
                          std::optional<NetworkConfiguration>& network, Ending ending) {
    if (needs_network(definition) && !network)
        network = TRY(
            timed(system, "bringing up the network", [&] { return bring_up_network(system, command_line); }));
    Root root = TRY(assemble(system, definition), "assembling the root '", definition.name, "'");
    TRY(timed(system, "handing over", [&] { return hand_over(system, definition, root, network); }),
        "handing over to the root '", definition.name, "'");
    return ending(system, root, definition);
}

/// Waits longer after each failure, up to half a minute, and a little differently on each node, so that a
/// thousand nodes do not ask their server in step.
static Result<> wait_before_retry(System& system, unsigned tries) {
    Bytes random = TRY(system.random_bytes(2));
    milliseconds step = std::min(milliseconds(1000u << std::min(tries, 5u)), milliseconds(30000));
    system.sleep(step / 2 + step * (random[0] * 256 + random[1]) / 131072);
    return {};
}

static Result<> provision_with_retries(System& system, const KernelCommandLine& command_line,
                                       const Definition& definition,
                                       std::optional<NetworkConfiguration>& network, Ending ending) {
    Time begin = system.now();
    for (unsigned tries = 0;; ++tries) {
        Result<> result = timed(system, text("try ", tries + 1, " of the root '", definition.name, "'"),
                                [&] { return provision(system, command_line, definition, network, ending); });
        if (result || !result.error().is_transient()) return result;
        if (definition.timeout.count() > 0 && system.now() - begin >= definition.timeout) return result;
        log_notice("try ", tries + 1, " failed, trying again: ", result.error().what);
        TRY(wait_before_retry(system, tries));
    }
}

static Result<> boot_from(System& system, const KernelCommandLine& command_line, const std::string& source,
                          std::optional<NetworkConfiguration>& network, Ending ending) {
    Found found = TRY(find_definition(system, source), "looking for a definition");
    Definition definition =
        TRY(definition::parse_definition(found.text), "reading the definition from ", found.origin);
    if (std::vector<std::string> places = secret_places(definition); found.is_public && !places.empty())
        log_warning(places.front(), " holds a secret, and every user of the node can read ", found.origin);
    Result<> result = provision_with_retries(system, command_line, definition, network, ending);
    for (const Definition& fallback : definition.fallback) {
        if (result) break;
        log_line(LogLevel::error, describe(result.error()));
        log_notice("falling back to the root '", fallback.name, "'");
        result = provision_with_retries(system, command_line, fallback, network, ending);
    }
    return result;
}

Result<> boot(System& system, Ending ending) {
    KernelCommandLine command_line = TRY(read_kernel_command_line(system));
    std::optional<NetworkConfiguration> network;
    Result<> result;
    for (const std::string& source : definition_sources(command_line)) {
        if (!result) log_line(LogLevel::error, describe(result.error()));
        result = boot_from(system, command_line, source, network, ending);
        if (result) return result;
    }
    return result;
}

Result<OnFailure> on_failure(System& system) {
    KernelCommandLine command_line = TRY(read_kernel_command_line(system));
    std::string wanted = command_line.value("mangrove.on_failure").value_or("reboot");
    if (wanted == "reboot") return OnFailure::reboot;
    if (wanted == "poweroff") return OnFailure::poweroff;
    if (wanted == "halt") return OnFailure::halt;
    if (wanted == "shell") return OnFailure::shell;
    return permanent_error("mangrove.on_failure: unknown action '", wanted, "'",
                           did_you_mean(wanted, {"reboot", "poweroff", "halt", "shell"}));
}

} // namespace mangrove
