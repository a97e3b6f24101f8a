#include "oci/artifact.h"

#include <algorithm>
#include <functional>

#include "base/json.h"
#include "oci/reference.h"

namespace mangrove::oci {

namespace {

constexpr const char* kTitle = "org.opencontainers.image.title";

bool is_of_our_type(const Layer& layer) {
    return layer.media_type.starts_with(kImageType)
           && layer.media_type.substr(kImageType.size()).starts_with(".");
}

bool is_named_as_image(const Layer& layer) {
    return std::ranges::any_of(std::initializer_list<std::string_view>{".squashfs", ".erofs", ".ext4"},
                               [&](std::string_view end) { return layer.title.ends_with(end); });
}

bool is_no_tar(const Layer& layer) {
    return layer.media_type.find(".tar") == std::string::npos;
}

/// A number in JSON that is exact.
Result<uint64_t> size_of(const cJSON* layer) {
    constexpr double kLargest = 9007199254740992; // 2⁵³
    const cJSON* size = cJSON_GetObjectItemCaseSensitive(layer, "size");
    bool is_valid = cJSON_IsNumber(size) && size->valuedouble > 0 && size->valuedouble <= kLargest
                    && static_cast<double>(static_cast<uint64_t>(size->valuedouble)) == size->valuedouble;
    if (!is_valid) return permanent_error("the manifest has a layer without a valid size");
    return static_cast<uint64_t>(size->valuedouble);
}

} // namespace

Result<std::vector<Layer>> layers_of(std::string_view manifest) {
    constexpr size_t kMostLayers = 500;
    Json json(cJSON_ParseWithLength(manifest.data(), manifest.size()));
    if (!cJSON_IsObject(json.get()))
        return permanent_error(manifest.find('<') == manifest.find_first_not_of(" \t\r\n")
                                   ? "the manifest is HTML or XML, not JSON; this is no registry"
                                   : "the manifest is not JSON");
    if (cJSON_GetObjectItemCaseSensitive(json.get(), "manifests"))
        return permanent_error("the manifest is an index of several; use the digest of one of them");
    const cJSON* list = cJSON_GetObjectItemCaseSensitive(json.get(), "layers");
    if (!cJSON_IsArray(list)) return permanent_error("the manifest has no layers; it is of no artifact");
    std::vector<Layer> layers;
    const cJSON* item = nullptr;
    cJSON_ArrayForEach(item, list) {
        const cJSON* annotations = cJSON_GetObjectItemCaseSensitive(item, "annotations");
        Layer layer = {.media_type = text_at(item, "mediaType"),
                       .digest = text_at(item, "digest"),
                       .size = TRY(size_of(item)),
                       .title = text_at(annotations, kTitle)};
        if (!is_digest(layer.digest))
            return permanent_error("the manifest has a layer without a digest of sha256");
        layers.push_back(std::move(layer));
        if (layers.size() > kMostLayers)
            return permanent_error("the manifest has more than ", kMostLayers, " layers");
    }
    return layers;
}

Result<Layer> image_of(const std::vector<Layer>& layers) {
    bool is_only = layers.size() == 1;
    for (const auto& is_image : {std::function(is_of_our_type), std::function(is_named_as_image)}) {
        auto count = std::ranges::count_if(layers, is_image);
        if (count > 1)
            return permanent_error("the artifact has ", count, " layers that are images; expected one");
        if (count == 1) return *std::ranges::find_if(layers, is_image);
    }
    if (is_only && is_no_tar(layers[0])) return layers[0];
    return permanent_error("the artifact has no layer that is an image: none of its ", layers.size(),
                           " layers has the type ", kImageType,
                           ".… or a title that ends with .squashfs, .erofs or .ext4");
}

} // namespace mangrove::oci
