#include "trust/node_files.h"

#include <algorithm>

#include "base/text.h"
#include "trust/public_key.h"

namespace mangrove::trust {

namespace {

using Words = std::vector<std::string>;

constexpr std::string_view kPlaceholder = "{digest}";

std::string hash(const std::string& written) {
    return hex(digest_of("sha256", as_bytes(written)));
}

// The first letter keeps a leaf from being taken for two hashes.
std::string leaf(const std::string& name, const Words& digests) {
    return hash(text("L", name, "\n", join(digests, "\n")));
}

std::string parent(const std::string& left, const std::string& right) {
    return hash(text("P", left, right));
}

std::string climb(std::string hash, const Words& path) {
    for (const std::string& step : path)
        hash = step.starts_with('l') ? parent(step.substr(1), hash) : parent(hash, step.substr(1));
    return hash;
}

} // namespace

FilesTree::FilesTree(FilesOfNodes files) : files_(std::move(files)) {
    Words& leaves = levels_.emplace_back();
    for (const auto& [name, digests] : files_)
        leaves.push_back(leaf(name, digests));
    while (levels_.back().size() > 1) {
        const Words& below = levels_.back();
        Words above;
        for (size_t i = 0; i + 1 < below.size(); i += 2)
            above.push_back(parent(below[i], below[i + 1]));
        if (below.size() % 2 == 1) above.push_back(below.back());
        levels_.push_back(std::move(above));
    }
}

Json FilesTree::own_files(const std::string& name, const std::string& url) const {
    auto place = files_.find(name);
    Json own = make_json_object();
    cJSON_AddStringToObject(own.get(), "url", url.c_str());
    cJSON* digests = cJSON_AddArrayToObject(own.get(), "digests");
    for (const std::string& digest : place->second)
        cJSON_AddItemToArray(digests, cJSON_CreateString(digest.c_str()));
    cJSON* path = cJSON_AddArrayToObject(own.get(), "path");
    auto index = static_cast<size_t>(std::distance(files_.begin(), place));
    for (const Words& level : levels_) {
        size_t sibling = index ^ 1;
        if (sibling < level.size())
            cJSON_AddItemToArray(
                path, cJSON_CreateString(text(sibling < index ? "l" : "r", level[sibling]).c_str()));
        index /= 2;
    }
    return own;
}

Json files_layer(std::string url, const std::string& digest) {
    url.replace(url.find(kPlaceholder), kPlaceholder.size(), digest);
    Json mount = make_json_object();
    cJSON_AddStringToObject(mount.get(), "kind", "uri");
    cJSON* uri = cJSON_AddObjectToObject(mount.get(), "uri");
    cJSON_AddStringToObject(uri, "uri", url.c_str());
    cJSON_AddStringToObject(uri, "digest", ("sha256:" + digest).c_str());
    return mount;
}

Result<std::string> with_own_files(const std::string& definition, const Words& names) {
    Json json(cJSON_ParseWithLength(definition.data(), definition.size()));
    Json own(cJSON_DetachItemFromObjectCaseSensitive(json.get(), kOwnFiles));
    std::string root = text_at(json.get(), kNodeFiles);
    if (root.empty() && !own) return definition;
    if (root.empty())
        return permanent_error(kOwnFiles, ": the definition pins no files of nodes (", kNodeFiles,
                               "); sign it with mangrovectl release sign");
    if (!own)
        return permanent_error(kNodeFiles, ": the files of this node are missing (", kOwnFiles,
                               "); have mangrove-head serve the definition");
    Words digests = texts_at(own.get(), "digests");
    Words path = texts_at(own.get(), "path");
    bool are_pinned = std::ranges::any_of(
        names, [&](const std::string& name) { return climb(leaf(name, digests), path) == root; });
    if (!are_pinned)
        return permanent_error(kOwnFiles, ": the files are not those that were signed for this node (",
                               join(names, ", "), "); sign the release again with mangrovectl release sign");
    std::string url = text_at(own.get(), "url");
    cJSON* overlay =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(json.get(), "mount"), "overlay");
    cJSON* lower = cJSON_GetObjectItemCaseSensitive(overlay, "lower");
    if (!cJSON_IsArray(lower) || !url.contains(kPlaceholder))
        return permanent_error(kOwnFiles, ": ",
                               cJSON_IsArray(lower) ? "the URL has no {digest}" : "the root is no overlay");
    for (const std::string& digest : digests)
        cJSON_InsertItemInArray(lower, 0, files_layer(url, digest).release());
    cJSON_DeleteItemFromObjectCaseSensitive(json.get(), kNodeFiles);
    return print_json(json);
}

} // namespace mangrove::trust
