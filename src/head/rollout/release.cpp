#include "head/rollout/release.h"

#include <set>

#include "head/host/files.h"
#include "head/host/json.h"
#include "head/nodes/node_set.h"
#include "head/nodes/objects.h"
#include "head/rollout/node_state.h"
#include "head/rollout/record_reader.h"
#include "head/rollout/rollout.h"

namespace mangrove::head {

namespace {

constexpr std::string_view kPrefix = "release/";
constexpr std::string_view kSigned = "signed/";
constexpr size_t kDigits = 12;

Result<> check_release(const Release& release) {
    if (release.publication.empty()) return permanent_error("release: no publication");
    std::set<std::string> sets;
    for (const ReleaseFiles& files : release.files) {
        TRY(check_name("files", files.set));
        if (files.revision.empty()) return permanent_error("release: files ", files.set, ": no revision");
        if (files.moment != "boot" && files.moment != "live")
            return permanent_error("release: files ", files.set, ": expected boot or live, got '",
                                   files.moment, "'");
        if (!sets.insert(files.set).second)
            return permanent_error("release: files ", files.set, ": named twice");
    }
    return {};
}

Result<ReleaseFiles> files_from(const cJSON* json, const std::string& origin) {
    RecordReader in(json, origin + ": files");
    ReleaseFiles files{.set = in.text("set"), .revision = in.text("revision"), .moment = in.text("moment")};
    TRY(in.finish());
    return files;
}

/// Returns who needs the release, or an empty text.
Result<std::string> user_of(Database& database, const std::string& id) {
    std::vector<std::string> nodes;
    for (const NodeState& node : TRY(list_node_states(database)))
        if (node.committed == id || node.previous == id || (node.target == id && !is_settled(node.state)))
            nodes.push_back(node.node);
    if (!nodes.empty()) return text("in use by the nodes ", fold_nodes(nodes));
    for (const Rollout& rollout : TRY(list_rollouts(database)))
        if (rollout.release == id && !has_ended(rollout)) return text("in use by the rollout ", rollout.id);
    return std::string();
}

} // namespace

std::string to_json(const Release& release) {
    Json json = make_json_object();
    add_text(json.get(), "publication", release.publication);
    cJSON* files = cJSON_AddArrayToObject(json.get(), "files");
    for (const ReleaseFiles& one : release.files) {
        Json item = make_json_object();
        add_text(item.get(), "set", one.set);
        add_text(item.get(), "revision", one.revision);
        add_text(item.get(), "moment", one.moment);
        cJSON_AddItemToArray(files, item.release());
    }
    add_texts(json.get(), "arguments", release.arguments);
    cJSON_AddItemToObject(json.get(), "definition", cJSON_Duplicate(release.definition.get(), true));
    return canonical_json(json.get());
}

Result<Release> release_from(const Entry& entry) {
    Json json = TRY(parse_record(entry.value, entry.key));
    Release release{.id = entry.key.substr(kPrefix.size()), .read_at = entry.revision};
    RecordReader in(json.get(), entry.key);
    release.publication = in.text("publication");
    const cJSON* item = nullptr;
    cJSON_ArrayForEach(item, in.array("files")) release.files.push_back(TRY(files_from(item, entry.key)));
    release.arguments = in.texts("arguments");
    if (const cJSON* definition = in.object("definition"))
        release.definition.reset(cJSON_Duplicate(definition, true));
    TRY(in.finish());
    return release;
}

Result<Release> make_release(Database& database, Release release) {
    TRY(check_release(release));
    std::string json = to_json(release);
    release.id = "r-" + digest_of_text(json).substr(0, kDigits);
    if (std::optional<Entry> known = TRY(database.get(release.key()))) {
        if (known->value != json)
            return permanent_error("release ", release.id,
                                   ": another release has this id; change the definition");
        return release_from(*known);
    }
    release.read_at = TRY(database.commit({{release.key(), json, 0}}));
    return release;
}

Result<std::vector<Release>> list_releases(Database& database) {
    std::vector<Release> releases;
    for (const Entry& entry : TRY(database.list(std::string(kPrefix))))
        releases.push_back(TRY(release_from(entry)));
    return releases;
}

Result<Release> find_release(Database& database, const std::string& reference) {
    std::vector<Release> releases = TRY(list_releases(database));
    std::vector<std::string> ids;
    std::vector<Release*> matching;
    for (Release& release : releases) {
        if (release.id == reference) return std::move(release);
        if (reference.size() > 2 && release.id.starts_with(reference)) matching.push_back(&release);
        ids.push_back(release.id);
    }
    if (matching.size() == 1) return std::move(*matching[0]);
    if (matching.size() > 1)
        return permanent_error("'", reference, "' can be ", matching[0]->id, " or ", matching[1]->id);
    return permanent_error("release ", reference, ": not found", did_you_mean(reference, ids));
}

Result<Release> remove_release(Database& database, const std::string& reference) {
    Release release = TRY(find_release(database, reference));
    std::string user = TRY(user_of(database, release.id));
    if (!user.empty())
        return permanent_error("release ", release.id, ": ", user, "; roll another release out first");
    TRY(database.commit(
        {{release.key(), std::nullopt, release.read_at}, {text(kSigned, release.id), std::nullopt}}));
    return release;
}

Result<> keep_signed_definition(Database& database, const Release& release, const std::string& envelope) {
    TRY(database.commit({keep_release(release), {text(kSigned, release.id), envelope}}));
    return {};
}

Result<std::map<std::string, std::string>> signed_definitions(Database& database) {
    std::map<std::string, std::string> envelopes;
    for (const Entry& entry : TRY(database.list(std::string(kSigned))))
        envelopes[entry.key.substr(kSigned.size())] = entry.value;
    return envelopes;
}

Write keep_release(const Release& release) {
    return {release.key(), to_json(release), release.read_at};
}

} // namespace mangrove::head
