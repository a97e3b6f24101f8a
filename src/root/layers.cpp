#include "root/layers.h"

#include <algorithm>

#include "base/text.h"
#include "mount/mount.h"

namespace mangrove {

namespace {

/// Blanks stand as "\040" there.
std::string unescaped(std::string_view written) {
    constexpr size_t kDigits = 3;
    std::string plain;
    for (size_t i = 0; i < written.size(); ++i) {
        std::optional<uint64_t> code;
        if (written[i] == '\\') code = parse_number(written.substr(i + 1, kDigits), 8);
        plain += code ? static_cast<char>(*code) : written[i];
        if (code) i += kDigits;
    }
    return plain;
}

std::optional<Layer> layer_in(const std::string& line) {
    constexpr size_t kMountPoint = 4, kMountOptions = 5, kOptional = 6;
    std::vector<std::string> fields = split(line, ' ');
    auto separator = fields.begin() + static_cast<long>(std::min(kOptional, fields.size()));
    separator = std::find(separator, fields.end(), "-");
    if (fields.end() - separator < 4) return std::nullopt;
    std::vector<std::string> options = split(fields[kMountOptions], ',');
    bool is_read_only = std::ranges::find(options, "ro") != options.end();
    return Layer{unescaped(fields[kMountPoint]), separator[1], unescaped(separator[2]),
                 unescaped(separator[3]), is_read_only};
}

} // namespace

std::vector<Layer> layers_in(const std::string& mountinfo, const std::string& root) {
    std::vector<Layer> layers;
    for (const std::string& line : split(mountinfo, '\n')) {
        std::optional<Layer> layer = layer_in(line);
        if (!layer) continue;
        if (layer->mount_point == root) layers.insert(layers.begin(), *layer);
        if (layer->mount_point.starts_with(text(kLayersDirectory, "/"))) layers.push_back(*layer);
    }
    return layers;
}

std::vector<Storage> storage_of(const std::vector<Layer>& layers, const std::string& root) {
    std::vector<Storage> storage;
    for (const Layer& layer : layers) {
        bool is_directory = layer.type.starts_with("nfs");
        bool is_disk = layer.source.starts_with("/dev/") && !layer.source.starts_with("/dev/loop");
        if (is_directory)
            storage.push_back({layer.source, layer.mount_point == root ? "/" : layer.mount_point});
        if (is_disk) storage.push_back({layer.source, layer.source});
    }
    return storage;
}

} // namespace mangrove
