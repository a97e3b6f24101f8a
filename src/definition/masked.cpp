#include "definition/masked.h"

#include <algorithm>
#include <iterator>

#include "base/json.h"

namespace mangrove::definition {

namespace {

/// Of all kinds alike: a word that is secret in one of them is no name of anything else.
constexpr std::string_view kSecretKeys[] = {"password", "password_in", "secret", "dhchap_secret"};
constexpr const char* kMask = "…";

std::string masked_url(std::string url) {
    size_t begin = url.find("://");
    if (begin == std::string::npos) return url;
    begin += 3;
    if (size_t query = url.find('?', begin); query != std::string::npos)
        url.replace(query + 1, url.npos, kMask);
    std::string authority = url.substr(begin, url.find('/', begin) - begin);
    size_t at = authority.rfind('@');
    return at == std::string::npos ? url : url.replace(begin, at, kMask);
}

void mask(cJSON* value) {
    cJSON* child = nullptr;
    cJSON_ArrayForEach(child, value) {
        bool is_secret =
            child->string && std::ranges::find(kSecretKeys, child->string) != std::end(kSecretKeys);
        if (!cJSON_IsString(child))
            mask(child);
        else
            cJSON_SetValuestring(child, is_secret ? kMask : masked_url(child->valuestring).c_str());
    }
}

} // namespace

std::string masked(std::string_view written) {
    Json tree(cJSON_ParseWithLength(written.data(), written.size()));
    if (!cJSON_IsObject(tree.get())) return {};
    mask(tree.get());
    return print_json(tree);
}

} // namespace mangrove::definition
