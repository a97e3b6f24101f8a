#include "source/trusted_definition.h"

#include "base/log.h"
#include "base/utc_time.h"
#include "definition/parse.h"
#include "machine/machine_identity.h"
#include "machine/run_files.h"
#include "trust/node_files.h"

// With /etc/mangrove/allowed_signers in the initramfs, every definition passes here, wherever it comes from.
// Reads the argument `mangrove.signature=`.

namespace mangrove {

using definition::Definition;

namespace {

Result<trust::NodeNames> names_of_node(System& system) {
    trust::NodeNames names;
    for (const Link& link : TRY(system.network().links()))
        if (link.is_card()) names.push_back(link.mac.to_text());
    if (std::string uuid = machine_uuid(system); !uuid.empty()) names.push_back(std::move(uuid));
    return names;
}

/// A clock that has lost its time shows one that is long ago, and would make expired definitions valid.
WallTime time_of_day(System& system, const trust::Policy& policy) {
    WallTime now = system.wall_clock();
    if (now >= policy.built) return now;
    log_warning("the clock of this machine says ", utc_text(now),
                ", which is before its initramfs was built; taking ", utc_text(policy.built),
                " for the time, so definitions that expired since then are not refused");
    return policy.built;
}

Result<std::optional<trust::Policy>> policy_in(System& system, const char* signers, const char* rest) {
    if (system.path_kind(signers) == PathKind::missing) return std::nullopt;
    trust::Policy policy =
        TRY(trust::parse_policy(TRY(system.read_file(signers)), TRY(system.read_file(rest))));
    for (const std::string& problem : policy.allowed.problems)
        log_warning(signers, ": ", problem, ", ignoring this line");
    return policy;
}

Result<> obey(Search& search, const trust::Policy& policy, const trust::Envelope& envelope,
              const Definition& definition, const trust::NodeNames& names) {
    System& system = search.boot.system;
    WallTime now = time_of_day(system, policy);
    std::vector<std::string> signatures = {envelope.signature};
    if (envelope.signature.empty()) signatures = search.command_line.values("mangrove.signature");
    trust::Verdict verdict = trust::judge(policy, definition, envelope.definition, signatures, names, now);
    if (!verdict.objections.empty()) return permanent_error(join(verdict.objections, "\n"));
    log_notice("the definition is signed by ", verdict.signer);
    return {};
}

} // namespace

Result<std::optional<trust::Policy>> read_policy(System& system) {
    return policy_in(system, trust::kSignersPath, trust::kPolicyPath);
}

Result<> keep_policy(System& system) {
    if (system.path_kind(trust::kSignersPath) == PathKind::missing) return {};
    TRY(system.make_directory(kRunDirectory));
    TRY(system.write_file(kKeptPolicy, TRY(system.read_file(trust::kPolicyPath))));
    return system.write_file(kKeptSigners, TRY(system.read_file(trust::kSignersPath)));
}

Result<std::optional<trust::Policy>> read_kept_policy(System& system) {
    return policy_in(system, kKeptSigners, kKeptPolicy);
}

Result<Definition> trusted_definition(Search& search, Found& found) {
    trust::Envelope envelope = TRY(trust::open_envelope(found.text));
    if (envelope.signature.empty()) envelope.signature = found.signature;
    trust::NodeNames names = TRY(names_of_node(search.boot.system));
    found.text = TRY(trust::with_own_files(TRY(trust::with_additions(envelope)), names));
    Definition definition = TRY(definition::parse_definition(found.text));
    if (search.policy)
        TRY(timed(search.boot, "checking the signature",
                  [&] { return obey(search, *search.policy, envelope, definition, names); }));
    return definition;
}

} // namespace mangrove
