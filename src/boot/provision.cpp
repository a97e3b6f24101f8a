#include "boot/provision.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/sha256.h"
#include "definition/masked.h"
#include "machine/backoff.h"
#include "root/node_unit.h"
#include "root/post_failure.h"
#include "root/report_unit.h"
#include "root/root.h"
#include "source/trusted_definition.h"
#include "tpm/tpm.h"

namespace mangrove {

using definition::Definition;

static constexpr seconds kFirstPause{1};
static constexpr seconds kLongestPause{30};
/// systemd's "kernel-config", which nothing else extends after the kernel has started.
static constexpr unsigned kDefinitionPcr = 12;

/// From the definition to a root that can be switched to. On failure nothing of it is left.
static Result<Root> provision(Search& search, const Definition& definition) {
    Boot& boot = search.boot;
    if (needs_network(definition)) TRY(need_network(search));
    Root root = TRY(assemble(boot, definition), "assembling the root '", definition.name, "'");
    Result<> handed_over = timed(boot, "handing over", [&] { return hand_over(boot, definition, root); });
    TRY(check_connections(boot, std::move(handed_over)), "handing over to the root '", definition.name, "'");
    return root;
}

static Result<Root> provision_with_retries(Search& search, const Definition& definition) {
    Boot& boot = search.boot;
    System& system = boot.system;
    Time begin = system.now();
    Backoff backoff(system, kFirstPause, kLongestPause);
    for (unsigned tries = 0;; ++tries) {
        boot.timeline.tries = tries + 1;
        Result<Root> root = timed(boot, text("attempt ", tries + 1, " of the root '", definition.name, "'"),
                                  [&] { return provision(search, definition); });
        if (root || !root.error().is_transient()) return root;
        if (definition.timeout.count() > 0 && system.now() - begin >= definition.timeout) return root;
        log_notice("attempt ", tries + 1, " failed, retrying: ", root.error().what);
        TRY(backoff.wait());
    }
}

/// For the console and the report: the boot goes on without this definition.
static void pass_over(Timeline& timeline, const std::string& definition, const Error& error) {
    log_line(LogLevel::error, describe(error));
    log_notice("passing over ", definition);
    std::vector<PassedOver>& known = timeline.passed_over;
    PassedOver fresh = {definition, describe(error)};
    if (std::ranges::find(known, fresh) == known.end()) known.push_back(std::move(fresh));
}

static Result<Definition> read_found(Search& search, Found& found) {
    Timeline& timeline = search.boot.timeline;
    Definition definition =
        TRY(trusted_definition(search, found), "reading the definition from ", found.origin);
    if (std::vector<std::string> places = secret_places(definition);
        !found.readers.empty() && !places.empty())
        log_warning(places.front(), " holds a secret, and ", found.readers, " can read ", found.origin);
    timeline.origin = found.origin;
    timeline.release = definition.release;
    timeline.is_fallback = false;
    timeline.definition = definition::masked(found.text);
    Sha256 digest;
    digest.add(as_bytes(found.text));
    search.boot.definition_digest = digest.finish_raw();
    return definition;
}

static Result<Root> provision_found(Search& search, Found& found) {
    Definition definition = TRY(read_found(search, found));
    Result<Root> root = provision_with_retries(search, definition);
    std::string name = definition.name;
    for (const Definition& fallback : definition.fallback) {
        if (root) break;
        pass_over(search.boot.timeline, text("the root '", name, "'"), root.error());
        search.boot.timeline.release = fallback.release;
        search.boot.timeline.is_fallback = true;
        root = provision_with_retries(search, fallback);
        name = fallback.name;
    }
    if (!root)
        if (std::optional<definition::Report> report =
                report_of_node(search.boot.system, definition, search.boot.network))
            search.boot.report_url = report->url;
    return root;
}

/// The sources that did not answer are asked again, after all others were tried; one that was refused is not.
static Result<Root> provision_from(Search& search, std::vector<std::string> sources) {
    Timeline& timeline = search.boot.timeline;
    Backoff backoff(search.boot.system, kFirstPause, kLongestPause);
    for (unsigned round = 0;; ++round) {
        std::vector<std::string> silent;
        Result<Root> root = permanent_error("no definition source");
        for (const std::string& source : sources) {
            std::string shown = "mangrove.definition=" + shown_source(source);
            timeline.tries = round + 1;
            Result<Found> found = timed(search.boot, text("looking for ", shown),
                                        [&] { return find_definition(search, source); });
            root = found ? provision_found(search, *found)
                         : std::unexpected(add_context(found.error(), "looking for a definition"));
            if (root) return root;
            if (!found && found.error().is_transient()) silent.push_back(source);
            if (&source != &sources.back() || !silent.empty()) pass_over(timeline, shown, root.error());
        }
        if (silent.empty()) return root;
        sources = std::move(silent);
        TRY(backoff.wait());
    }
}

static Result<Root> provision_as_told(Boot& boot) {
    KernelCommandLine command_line = TRY(read_kernel_command_line(boot.system));
    Search search{boot, command_line, TRY(read_policy(boot.system))};
    boot.timeline.takes_signed_only = search.policy.has_value();
    return provision_from(search, definition_sources(command_line));
}

/// So that secrets of the node can be bound to it. The last thing before the root is entered: each attempt
/// that fails would leave the PCR in another state.
static void measure(Boot& boot) {
    if (!tpm::has_tpm(boot.system)) return;
    Result<> extended = tpm::extend_pcr(boot.system, kDefinitionPcr, boot.definition_digest);
    if (extended)
        log_notice("extended PCR ", kDefinitionPcr, " of the TPM by the digest of the definition");
    else
        log_warning("extending PCR ", kDefinitionPcr, ": ", extended.error().what, ", ignoring");
}

/// To `mangrove.report=` where no definition that was found said where.
static void tell_failure(Boot& boot, const Error& error) {
    if (boot.report_url.empty()) {
        Result<KernelCommandLine> command_line = read_kernel_command_line(boot.system);
        std::optional<std::string> written =
            command_line ? command_line->value("mangrove.report") : std::nullopt;
        Result<std::string> url = url_of_node(boot.system, {}, boot.network, written.value_or(""));
        if (!written) return;
        if (!url) log_warning("mangrove.report: ", url.error().what, ", ignoring");
        boot.report_url = url.value_or("");
    }
    if (Result<> posted = post_failure(boot, error); !posted)
        log_warning("posting why the boot failed: ", posted.error().what, ", ignoring");
}

Result<> run_boot(Boot& boot, Ending ending) {
    // The definitions and their secrets are gone then: the keeper will be a fork of this process. And there
    // is no way back to another one.
    Result<Root> root = provision_as_told(boot);
    if (!root) {
        tell_failure(boot, root.error());
        return std::unexpected(root.error());
    }
    TRY(keep_policy(boot.system), "keeping the allowed signers for the running node");
    measure(boot);
    boot.network.reset(); // a lease may hold the definition
    return ending(boot, *root);
}

static Result<Definition> find_once(Search& search, const std::string& source) {
    Found found = TRY(timed(search.boot, text("looking for mangrove.definition=", shown_source(source)),
                            [&] { return find_definition(search, source); }));
    return read_found(search, found);
}

Result<> check_trust(Boot& boot, const std::string& source) {
    std::optional<trust::Policy> policy = TRY(read_kept_policy(boot.system));
    if (!policy) return {};
    KernelCommandLine command_line = TRY(read_kernel_command_line(boot.system));
    Search search{boot, command_line, std::move(policy)};
    TRY(find_once(search, source));
    return {};
}

Result<Root> provision_once(Boot& boot, const std::string& source, Check check) {
    KernelCommandLine command_line = TRY(read_kernel_command_line(boot.system));
    Search search{boot, command_line, TRY(read_kept_policy(boot.system))};
    boot.timeline.takes_signed_only = search.policy.has_value();
    Definition definition = TRY(find_once(search, source));
    TRY(check(definition));
    return timed(boot, text("attempt 1 of the root '", definition.name, "'"),
                 [&] { return provision(search, definition); });
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
