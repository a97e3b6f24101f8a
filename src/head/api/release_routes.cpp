#include "head/api/answering.h"
#include "head/api/routes.h"
#include "head/host/json.h"
#include "head/operations/policy_options.h"
#include "head/operations/releases.h"

namespace mangrove::head {

namespace {

/// Returns what the body asks for; the error names the key.
Result<ReleaseRequest> request_in(const Asked& asked) {
    Json body = TRY(object_in(asked));
    ReleaseRequest request;
    const cJSON* value = nullptr;
    cJSON_ArrayForEach(value, body.get()) {
        std::string_view key = value->string;
        if (key == "image" && cJSON_IsString(value))
            request.image = value->valuestring;
        else if (key == "files" || key == "arguments")
            (key == "files" ? request.files : request.arguments) = TRY(texts_in(value), "reading ", key);
        else if (key == "definition" && cJSON_IsObject(value))
            request.definition = one_line(value);
        else
            return permanent_error(
                "the body: '", key,
                "': expected the text image, the lists files and arguments, and the object definition");
    }
    if (request.image.empty()) return permanent_error("the body: image is missing");
    return request;
}

Result<Json> shown(Database& database, const Release& release) {
    return description_of(release, TRY(committed_nodes(database))[release.id],
                          TRY(release_signatures(database))[release.id]);
}

} // namespace

Result<Answer> list_releases(ApiCall& call) {
    std::map<std::string, std::vector<std::string>> nodes = TRY(committed_nodes(*call.database));
    std::map<std::string, std::string> signatures = TRY(release_signatures(*call.database));
    return json_answer(list_of(TRY(list_releases(*call.database)), [&](const Release& release) {
        return description_of(release, nodes[release.id], signatures[release.id]);
    }));
}

Result<Answer> get_release(ApiCall& call) {
    Result<Release> release = find_release(*call.database, call.names[0]);
    if (!release) return not_found(release.error());
    return json_answer(TRY(shown(*call.database, *release)));
}

Result<Answer> make_release(ApiCall& call) {
    Release release = TRY(make_release(*call.database, call.directories, TRY(request_in(call.asked))));
    return json_answer(TRY(shown(*call.database, release)));
}

Result<Answer> delete_release(ApiCall& call) {
    Result<Release> known = find_release(*call.database, call.names[0]);
    if (!known) return not_found(known.error());
    TRY(remove_release(*call.database, known->id));
    return Answer{.status = 204};
}

Result<Answer> compare_releases(ApiCall& call) {
    Result<Release> before = find_release(*call.database, call.names[0]);
    if (!before) return not_found(before.error());
    Result<Release> after = find_release(*call.database, call.names[1]);
    if (!after) return not_found(after.error());
    FileStore store = store_beside(call.directories.database, call.directories.publications.parent_path());
    Json json = make_json_object();
    add_texts(json.get(), "diff", TRY(release_differences(call.directories, store, *before, *after)));
    return json_answer(json);
}

} // namespace mangrove::head
