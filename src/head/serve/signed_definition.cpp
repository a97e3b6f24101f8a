#include "head/serve/signed_definition.h"

#include "base/whole_file.h"
#include "head/host/json.h"
#include "head/rollout/release.h"

namespace mangrove::head {

std::string mac_in_tree(const Object& node) {
    std::vector<std::string> macs = macs_of(node);
    return macs.empty() ? "" : macs[0];
}

std::string to_json(const SignedDefinition& definition) {
    Json json = make_json_object();
    add_text(json.get(), "envelope", trust::envelope_text(definition.envelope));
    cJSON* files = add_object(json.get(), "files");
    for (const auto& [node, digests] : definition.tree.files())
        add_texts(files, node.c_str(), digests);
    return print_json(json);
}

Result<SignedDefinition> signed_definition_from(const std::string& written) {
    Json json = TRY(parse_json(written, "the signed definition"));
    trust::FilesOfNodes of_nodes;
    const cJSON* files = cJSON_GetObjectItemCaseSensitive(json.get(), "files");
    const cJSON* node = nullptr;
    cJSON_ArrayForEach(node, files) of_nodes[node->string] = texts_at(files, node->string);
    return SignedDefinition{.envelope = TRY(trust::open_envelope(text_at(json.get(), "envelope"))),
                            .tree = trust::FilesTree(std::move(of_nodes))};
}

Result<std::map<std::string, SignedDefinition>> list_signed_definitions(Database& database) {
    std::map<std::string, SignedDefinition> definitions;
    for (const auto& [release, written] : TRY(signed_definitions(database)))
        definitions[release] = TRY(signed_definition_from(written), "reading that of release ", release);
    return definitions;
}

Result<std::optional<SignedDefinition>> signed_definition_at(const std::filesystem::path& envelope) {
    std::error_code ignored;
    if (!std::filesystem::exists(envelope, ignored)) return std::nullopt;
    return SignedDefinition{.envelope = TRY(trust::open_envelope(TRY(read_file(envelope))))};
}

} // namespace mangrove::head
