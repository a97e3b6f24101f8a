#include "trust/policy.h"

#include <algorithm>

#include "base/json.h"
#include "base/utc_time.h"

namespace mangrove::trust {

namespace {

using namespace definition;
using std::chrono::sys_seconds;

void look_at(const Mount& mount, std::vector<std::string>& places);

/// Adds the places in a mount that neither a digest (of a file that is copied into memory) nor a root hash
/// (of blocks that are read as they are needed) pins.
struct Pins {
    const Mount& mount;
    std::vector<std::string>& places;

    void operator()(const MountAttach& attach) const {
        if (attach.verity) return;
        const auto* loopback = std::get_if<Loopback>(&attach.attachment.kind);
        if (!loopback)
            return add(text("the blocks of ", kind_name(attach.attachment),
                            " are not pinned; add verity, or use uri with a digest"));
        if (loopback->mount) look_at(*loopback->mount, places);
    }
    void operator()(const MountBind& bind) const {
        if (bind.mount) look_at(*bind.mount, places);
    }
    void operator()(const MountNfs&) const { add("a tree on NFS cannot be pinned; use uri with a digest"); }
    void operator()(const MountOverlay& overlay) const {
        for (const Mount& lower : overlay.lower)
            look_at(lower, places);
        if (overlay.upper.mount)
            places.push_back(
                text(overlay.upper.mount->json_path,
                     ": an upper that persists cannot be pinned; leave it out, so that it is in memory"));
    }
    void operator()(const MountUri& uri) const {
        // A file of the initramfs is as good as the initramfs.
        if (uri.digest.empty() && !uri.uri.starts_with("file:"))
            places.push_back(text(mount.json_path, ".uri: is not pinned; add its digest"));
    }
    void add(const std::string& what) const { places.push_back(text(mount.json_path, ": ", what)); }
};

void look_at(const Mount& mount, std::vector<std::string>& places) {
    std::visit(Pins{mount, places}, mount.kind);
}

Result<std::string> find_signature(const Policy& policy, std::string_view text,
                                   const std::vector<std::string>& signatures, sys_seconds now) {
    Result<std::string> principals = permanent_error(
        "the definition is not signed, and this node boots signed ones only; sign it with mangrovectl sign");
    for (const std::string& written : signatures) {
        Result<SshSignature> signature = parse_ssh_signature(written);
        Result<> fits =
            signature ? check_ssh_signature(*signature, text) : std::unexpected(signature.error());
        principals = fits ? find_signer(policy.allowed, signature->key, now) : std::unexpected(fits.error());
        if (principals) break;
    }
    return principals;
}

bool is_for(const Definition& definition, const NodeNames& names) {
    return definition.nodes.empty() || std::ranges::any_of(definition.nodes, [&](const std::string& node) {
               return std::ranges::find(names, node) != names.end();
           });
}

} // namespace

std::string policy_text(const Policy& policy) {
    Json json = make_json_object();
    cJSON_AddStringToObject(json.get(), "built", utc_text(policy.built).c_str());
    cJSON_AddNumberToObject(json.get(), "least_serial", static_cast<double>(policy.least_serial));
    return print_json(json) + "\n";
}

Result<Policy> parse_policy(std::string_view allowed_signers, std::string_view policy) {
    Policy parsed{.allowed = parse_allowed_signers(allowed_signers)};
    Json json(cJSON_ParseWithLength(policy.data(), policy.size()));
    std::optional<sys_seconds> built = parse_utc(text_at(json.get(), "built"));
    if (!built) return permanent_error(kPolicyPath, " is damaged; build the initramfs again");
    parsed.built = *built;
    parsed.least_serial = number_at(json.get(), "least_serial");
    return parsed;
}

std::vector<std::string> unpinned_places(const Definition& definition) {
    std::vector<std::string> places;
    look_at(definition.mount, places);
    // A fallback without `files` has those of the definition around it.
    bool has_files = definition.files.has_value();
    for (const Definition& fallback : definition.fallback) {
        look_at(fallback.mount, places);
        has_files |= fallback.files.has_value();
    }
    if (has_files) places.emplace_back("files: live files cannot be pinned; leave them out");
    return places;
}

Verdict judge(const Policy& policy, const Definition& definition, std::string_view text,
              const std::vector<std::string>& signatures, const std::optional<NodeNames>& names,
              sys_seconds now) {
    Verdict verdict;
    std::vector<std::string>& objections = verdict.objections;
    if (Result<std::string> signer = find_signature(policy, text, signatures, now))
        verdict.signer = *signer;
    else
        objections.push_back(signer.error().what);
    if (definition.valid_until && now >= *definition.valid_until)
        objections.push_back(mangrove::text("valid_until: the definition was valid only until ",
                                            utc_text(*definition.valid_until), ", and it is ", utc_text(now),
                                            "; sign one with a later time"));
    if (definition.serial < policy.least_serial)
        objections.push_back(
            mangrove::text("serial: ", definition.serial, " is less than ", policy.least_serial,
                           ", the least that this initramfs takes; use the newest definition"));
    if (names && !is_for(definition, *names))
        objections.push_back(mangrove::text(
            "nodes: the definition is for ", join(definition.nodes, ", "), ", and this node is ",
            names->empty() ? "without a name" : join(*names, ", "), "; sign one for this node"));
    std::ranges::copy(unpinned_places(definition), std::back_inserter(objections));
    return verdict;
}

std::vector<std::string> describe_validity(const Definition& definition) {
    return {definition.valid_until
                ? "valid until " + utc_text(*definition.valid_until)
                : "valid for ever: without valid_until, whoever keeps a copy can replay it",
            definition.serial > 0 ? mangrove::text("serial ", definition.serial)
                                  : "without a serial, which an initramfs built with --least-serial asks for",
            definition.nodes.empty() ? "for every node" : "for " + join(definition.nodes, ", ")};
}

} // namespace mangrove::trust
