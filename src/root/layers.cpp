#include "root/layers.h"

#include <algorithm>

#include "base/octal_escapes.h"
#include "base/text.h"
#include "machine/run_files.h"

namespace mangrove {

namespace {

std::optional<Layer> layer_in(const std::string& line) {
    constexpr size_t kMountPoint = 4, kMountOptions = 5, kOptional = 6;
    std::vector<std::string> fields = split(line, ' ');
    auto separator = fields.begin() + static_cast<long>(std::min(kOptional, fields.size()));
    separator = std::find(separator, fields.end(), "-");
    if (fields.end() - separator < 4) return std::nullopt;
    std::vector<std::string> options = split(fields[kMountOptions], ',');
    bool is_read_only = std::ranges::find(options, "ro") != options.end();
    return Layer{without_octal_escapes(fields[kMountPoint]), separator[1],
                 without_octal_escapes(separator[2]), without_octal_escapes(separator[3]), is_read_only};
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

std::vector<Storage> storage_of(const std::vector<Layer>& layers, const std::string& root,
                                const std::vector<std::shared_ptr<WatchedConnection>>& connections) {
    auto is_directory = [](const Layer& layer) { return layer.type.starts_with("nfs"); };
    // A file of a server: what the directory says of itself is not what is read from it.
    bool has_files = std::ranges::any_of(layers, is_directory)
                     || std::ranges::any_of(connections, &WatchedConnection::looks_after_itself);
    std::vector<Storage> storage;
    for (const Layer& layer : layers) {
        bool is_loop = layer.source.starts_with("/dev/loop");
        bool is_disk = layer.source.starts_with("/dev/") && (!is_loop || has_files);
        if (is_directory(layer))
            storage.push_back({layer.source, layer.mount_point == root ? "/" : layer.mount_point});
        if (is_disk) storage.push_back({layer.source, layer.source, layer.is_read_only, layer.type});
    }
    return storage;
}

} // namespace mangrove
