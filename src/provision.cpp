#include "provision.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "definition/masked.h"
#include "definition/parse.h"
#include "root/root.h"
#include "source/source.h"
#include "system/backoff.h"

namespace mangrove {

using definition::Definition;

static constexpr seconds kFirstPause{1};
static constexpr seconds kLongestPause{30};

/// From the definition to the real root. On failure nothing of it is left.
static Result<> provision(Search& search, const Definition& definition, Ending ending) {
    System& system = search.system;
    if (needs_network(definition)) TRY(need_network(search));
    Root root = TRY(assemble(system, definition), "assembling the root '", definition.name, "'");
    Result<> handed_over =
        timed(system, "handing over", [&] { return hand_over(system, definition, root, search.network); });
    TRY(check_connections(system, std::move(handed_over)), "handing over to the root '", definition.name,
        "'");
    return ending(system, root, definition);
}

static Result<> provision_with_retries(Search& search, const Definition& definition, Ending ending) {
    System& system = search.system;
    Time begin = system.now();
    Backoff backoff(system, kFirstPause, kLongestPause);
    for (unsigned tries = 0;; ++tries) {
        system.timeline.tries = tries + 1;
        Result<> result = timed(system, text("try ", tries + 1, " of the root '", definition.name, "'"),
                                [&] { return provision(search, definition, ending); });
        if (result || !result.error().is_transient()) return result;
        if (definition.timeout.count() > 0 && system.now() - begin >= definition.timeout) return result;
        log_notice("try ", tries + 1, " failed, trying again: ", result.error().what);
        TRY(backoff.wait());
    }
}

/// For the console and the report: the boot goes on without this definition.
static void pass_over(System& system, const std::string& definition, const Error& error) {
    log_line(LogLevel::error, describe(error));
    log_notice("passing over ", definition);
    std::vector<PassedOver>& known = system.timeline.passed_over;
    PassedOver fresh = {definition, describe(error)};
    if (std::ranges::find(known, fresh) == known.end()) known.push_back(std::move(fresh));
}

static Result<> boot_found(Search& search, Found found, Ending ending) {
    Definition definition =
        TRY(definition::parse_definition(found.text), "reading the definition from ", found.origin);
    if (std::vector<std::string> places = secret_places(definition);
        !found.readers.empty() && !places.empty())
        log_warning(places.front(), " holds a secret, and ", found.readers, " can read ", found.origin);
    search.system.timeline.origin = found.origin;
    search.system.timeline.definition = definition::masked(found.text);
    // The keeper will be a fork of this process.
    std::string().swap(found.text);
    Result<> result = provision_with_retries(search, definition, ending);
    std::string name = definition.name;
    for (const Definition& fallback : definition.fallback) {
        if (result) break;
        pass_over(search.system, text("the root '", name, "'"), result.error());
        result = provision_with_retries(search, fallback, ending);
        name = fallback.name;
    }
    return result;
}

/// The sources that did not answer are asked again, after all others were tried; one that was refused is not.
static Result<> boot_from(Search& search, std::vector<std::string> sources, Ending ending) {
    System& system = search.system;
    Backoff backoff(system, kFirstPause, kLongestPause);
    for (unsigned round = 0;; ++round) {
        std::vector<std::string> silent;
        Result<> result;
        for (const std::string& source : sources) {
            std::string shown = "mangrove.definition=" + shown_source(source);
            system.timeline.tries = round + 1;
            Result<Found> found =
                timed(system, text("looking for ", shown), [&] { return find_definition(search, source); });
            result = found ? boot_found(search, std::move(*found), ending)
                           : std::unexpected(add_context(found.error(), "looking for a definition"));
            if (result) return result;
            if (!found && found.error().is_transient()) silent.push_back(source);
            if (&source != &sources.back() || !silent.empty()) pass_over(system, shown, result.error());
        }
        if (silent.empty()) return result;
        sources = std::move(silent);
        TRY(backoff.wait());
    }
}

Result<> boot(System& system, Ending ending) {
    KernelCommandLine command_line = TRY(read_kernel_command_line(system));
    Search search{system, command_line};
    return boot_from(search, definition_sources(command_line), ending);
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
