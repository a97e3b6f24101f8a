#include "definition/masked.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "definition/kind_table.h"

namespace mangrove::definition {

namespace {

constexpr const char* kMask = "…";

bool is_secret_key(std::string_view key) {
    return std::ranges::any_of(attachment_kinds(),
                               [&](const AttachmentKind& kind) { return is_secret(kind, key); });
}

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
        bool is_secret = child->string && is_secret_key(child->string);
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
