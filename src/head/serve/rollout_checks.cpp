#include "head/serve/rollout_checks.h"

#include <map>

#include "head/host/json.h"
#include "head/nodes/node_set.h"
#include "head/publish/publishing.h"
#include "head/serve/boot_reports.h"
#include "head/serve/node_definition.h"

namespace mangrove::head {

namespace {

/// Stands for those of the head node, without which `report`, `files` and `health` of a node are incomplete.
constexpr const char* kAnyUrl = "https://head/";

Result<> check_image(const Image& image, const Policy& policy) {
    if (image.kernel_version.empty())
        return permanent_error(image.id, ": it has no kernel to boot; build it with one");
    if (policy.needs_health && !image.posts_health)
        return permanent_error(image.id,
                               ": built by an earlier Mangrove, whose initramfs posts no health; build "
                               "it again, or give --health up where its nodes post a report alone");
    return {};
}

/// Returns the nodes whose last boot was by an initramfs that takes signed definitions only.
std::vector<std::string> nodes_with_signers(const BootReports& reports, const std::vector<Member>& members) {
    std::vector<std::string> nodes;
    for (const Member& member : members) {
        std::optional<BootReport> last = reports.last_of(member.node);
        const cJSON* report = last ? last->report.get() : nullptr;
        if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(report, "signed_only")))
            nodes.push_back(member.node);
    }
    return nodes;
}

/// Checks that nodes which ask for a signature get one, over all that is particular to them.
Result<> check_signature(const Directories& directories, const Inventory& inventory, const Release& release,
                         const SignedDefinition* definition, const std::vector<Member>& members) {
    if (!definition) {
        BootReports reports(directories.publications.parent_path() / "reports");
        std::vector<std::string> nodes = nodes_with_signers(reports, members);
        if (nodes.empty()) return {};
        return permanent_error("node ", fold_nodes(nodes), ": boots signed definitions only, and release ",
                               release.id, " is not signed; mangrovectl release sign ", release.id);
    }
    std::vector<std::string> nodes;
    for (const Member& member : members) {
        bool is_in_tree =
            definition->tree.files().contains(mac_in_tree(*TRY(inventory.get("node", member.node))));
        if (!release.files.empty() && !is_in_tree) nodes.push_back(member.node);
    }
    if (nodes.empty()) return {};
    return permanent_error("node ", fold_nodes(nodes), ": release ", release.id,
                           " is not signed for its files; mangrovectl release sign ", release.id);
}

/// Returns the nodes that keep what is written to their root.
Result<std::vector<std::string>> stateful_nodes(const Inventory& inventory, const Record& publication,
                                                const Release& release,
                                                const SignedDefinition* signed_definition,
                                                const std::vector<Member>& members) {
    std::map<std::string, bool> known; // by the value `definition`, which most nodes share
    std::vector<std::string> stateful;
    for (const auto& [node, place, has_bmc] : members) {
        const Object& object = *TRY(inventory.get("node", node));
        ResolvedNode resolved = inventory.resolve(object);
        // The signer has those of the release.
        Json values = definition_values(cJSON_GetObjectItemCaseSensitive(resolved.fields.get(), "values"),
                                        signed_definition ? nullptr : &release);
        auto [found, is_new] = known.try_emplace(print_json(values));
        NodeAdditions additions{.name = node,
                                .values = values.get(),
                                .files_url = "https://head/{digest}",
                                .live_url = signed_definition ? "" : kAnyUrl,
                                .health_url = kAnyUrl,
                                .report_url = kAnyUrl};
        if (is_new)
            found->second = keeps_writes(TRY(
                signed_definition ? signed_node_definition(*signed_definition, mac_in_tree(object), additions)
                                  : node_definition(publication.definition, additions)));
        if (found->second) stateful.push_back(node);
    }
    return stateful;
}

} // namespace

Result<> check_rollout(const Directories& directories, const Inventory& inventory, const Release& release,
                       const SignedDefinition* signed_definition, const RolloutRequest& request,
                       Stateful stateful) {
    Record publication = TRY(find_one_published(directories, release.publication, "rollout start"));
    TRY(check_image(TRY(Store(directories.images).find(publication.image)), request.policy));
    TRY(check_signature(directories, inventory, release, signed_definition, request.nodes));
    std::vector<std::string> nodes =
        TRY(stateful_nodes(inventory, publication, release, signed_definition, request.nodes));
    if (nodes.empty() || stateful == Stateful::is_taken) return {};
    return permanent_error("node ", fold_nodes(nodes),
                           ": the upper of the root is on a disk, so a node that goes back boots the earlier "
                           "release with what the new one wrote; take `upper` out of the definition, or give "
                           "--stateful");
}

} // namespace mangrove::head
