/// Reads the layouts in which container images are kept as files: the OCI image specification's "Image
/// Layout" (index.json, blobs/), which `podman save --format oci-archive` and `skopeo copy … oci:` write, and
/// the manifest.json of `docker save` and `podman save`.

#include "ctl/oci.h"

#include <algorithm>
#include <archive.h>
#include <archive_entry.h>
#include <memory>
#include <sys/utsname.h>

#include "ctl/files.h"
#include "ctl/json.h"

namespace mangrove::ctl {

namespace fs = std::filesystem;

namespace {

using Reader = std::unique_ptr<archive, decltype(&archive_read_free)>;

constexpr const char* kReference = "org.opencontainers.image.ref.name";
constexpr const char* kDockerName = "io.containerd.image.name";

std::string this_architecture() {
    utsname machine = {};
    ::uname(&machine);
    std::string name = machine.machine;
    if (name == "x86_64") return "amd64";
    return name == "aarch64" ? "arm64" : name;
}

/// The file of a descriptor, whose contents are what its digest says.
Result<fs::path> blob(const fs::path& directory, const cJSON* descriptor) {
    std::string digest = text_at(descriptor, "digest");
    std::vector<std::string> parts = split(digest, ':');
    if (parts.size() != 2 || parts[0] != "sha256"
        || parts[1].find_first_not_of("0123456789abcdef") != std::string::npos)
        return permanent_error("the digest '", digest, "' is not one of sha256");
    fs::path path = TRY(file_of(directory, "blobs/sha256/" + parts[1]));
    if (TRY(digest_of_file(path)) != parts[1])
        return permanent_error(path.native(), " is damaged: its contents have another digest");
    return path;
}

Result<Json> read_json(const fs::path& path) {
    return parse_json(TRY(read_file(path)), path.native());
}

const cJSON* list_at(const Json& json, const char* key) {
    return cJSON_GetObjectItemCaseSensitive(json.get(), key);
}

bool is_for(const cJSON* manifest, const OciChoice& choice) {
    const cJSON* platform = cJSON_GetObjectItemCaseSensitive(manifest, "platform");
    if (!platform) return true;
    std::string wanted = choice.architecture.empty() ? this_architecture() : choice.architecture;
    return text_at(platform, "architecture") == wanted
           && (text_at(platform, "os") == "linux" || text_at(platform, "os").empty());
}

/// The shortest first. Docker has the tag alone where others have the name, and the name elsewhere.
std::vector<std::string> names_of(const cJSON* manifest) {
    const cJSON* annotations = cJSON_GetObjectItemCaseSensitive(manifest, "annotations");
    std::vector<std::string> names;
    std::string whole = text_at(annotations, kDockerName);
    for (std::string_view implied : {"docker.io/library/", "docker.io/", ""})
        if (!whole.empty() && whole.starts_with(implied)) names.push_back(whole.substr(implied.size()));
    if (std::string name = text_at(annotations, kReference); !name.empty()) names.push_back(name);
    return names;
}

/// The one manifest of an index that is meant.
Result<const cJSON*> choose(const Json& index, const OciChoice& choice) {
    std::vector<const cJSON*> fitting;
    std::vector<std::string> names;
    const cJSON* manifest = nullptr;
    cJSON_ArrayForEach(manifest, list_at(index, "manifests")) {
        std::vector<std::string> own = names_of(manifest);
        const cJSON* platform = cJSON_GetObjectItemCaseSensitive(manifest, "platform");
        std::string label = own.empty() ? "(without a name)" : own[0];
        if (platform) label += " for " + text_at(platform, "architecture");
        names.push_back(label);
        if (!is_for(manifest, choice)) continue;
        if (choice.reference.empty() || std::ranges::find(own, choice.reference) != own.end())
            fitting.push_back(manifest);
    }
    if (fitting.size() == 1) return fitting[0];
    if (names.empty()) return permanent_error("it holds no image");
    return permanent_error(fitting.empty() ? "none of its images fits" : "it holds several images",
                           " (--reference NAME, --architecture NAME); there are ", join(names, ", "));
}

Result<std::vector<fs::path>> layers_of_manifest(const fs::path& directory, const Json& manifest) {
    std::vector<fs::path> layers;
    const cJSON* layer = nullptr;
    cJSON_ArrayForEach(layer, list_at(manifest, "layers")) {
        std::string type = text_at(layer, "mediaType");
        if (type.find("encrypted") != std::string::npos)
            return permanent_error("a layer is encrypted (", type, ")");
        if (type.find("tar") == std::string::npos)
            return permanent_error("a layer is not a tar (", type, "); this is no image of a file system");
        layers.push_back(TRY(blob(directory, layer)));
    }
    if (layers.empty()) return permanent_error("the image has no layers");
    return layers;
}

Result<std::vector<fs::path>> layers_of_index(const fs::path& directory, const Json& index,
                                              const OciChoice& choice, int depth) {
    const cJSON* chosen = TRY(choose(index, choice));
    Json manifest = TRY(read_json(TRY(blob(directory, chosen))));
    if (!list_at(manifest, "manifests")) return layers_of_manifest(directory, manifest);
    if (depth == 4) return permanent_error("indexes within indexes without end");
    return layers_of_index(directory, manifest, {.architecture = choice.architecture}, depth + 1);
}

bool has_tag(const cJSON* image, const std::string& reference) {
    const cJSON* tag = nullptr;
    cJSON_ArrayForEach(tag, cJSON_GetObjectItemCaseSensitive(image, "RepoTags")) {
        if (cJSON_IsString(tag) && tag->valuestring == reference) return true;
    }
    return false;
}

Result<const cJSON*> choose_docker_image(const Json& images, const OciChoice& choice) {
    const cJSON* chosen = nullptr;
    const cJSON* image = nullptr;
    cJSON_ArrayForEach(image, images.get()) {
        if (!choice.reference.empty() && !has_tag(image, choice.reference)) continue;
        if (chosen) return permanent_error("it holds several images (--reference NAME)");
        chosen = image;
    }
    if (!chosen) return permanent_error("it holds no image", choice.reference.empty() ? "" : " of that name");
    return chosen;
}

/// Of the tar that the layer is, compressed or not.
Result<std::string> digest_of_layer(const fs::path& layer) {
    Reader reader(archive_read_new(), archive_read_free);
    archive_read_support_format_raw(reader.get());
    archive_read_support_filter_all(reader.get());
    archive_entry* all = nullptr;
    if (archive_read_open_filename(reader.get(), layer.c_str(), 1 << 20) != ARCHIVE_OK
        || archive_read_next_header(reader.get(), &all) != ARCHIVE_OK)
        return permanent_error("reading ", layer.native(), " failed");
    return digest_of_pieces([&]() -> Result<std::string_view> {
        const void* data = nullptr;
        size_t size = 0;
        int64_t offset = 0;
        int outcome = archive_read_data_block(reader.get(), &data, &size, &offset);
        if (outcome == ARCHIVE_EOF) return "";
        if (outcome != ARCHIVE_OK)
            return permanent_error("reading ", layer.native(), ": ", archive_error_string(reader.get()));
        return std::string_view(static_cast<const char*>(data), size);
    });
}

/// The image's configuration has the digest of each layer.
Result<> check_layers(const fs::path& directory, const std::string& name,
                      const std::vector<fs::path>& layers) {
    if (name.empty()) return {};
    Json configuration = TRY(read_json(TRY(file_of(directory, name))));
    std::vector<std::string> digests = texts_at(list_at(configuration, "rootfs"), "diff_ids");
    if (digests.size() != layers.size())
        return permanent_error("it has ", layers.size(), " layers and ", digests.size(), " in ", name);
    for (size_t i = 0; i < layers.size(); ++i)
        if ("sha256:" + TRY(digest_of_layer(layers[i])) != digests[i])
            return permanent_error(layers[i].native(), " is damaged: its contents have another digest");
    return {};
}

Result<std::vector<fs::path>> docker_layers(const fs::path& directory, const OciChoice& choice) {
    Json images = TRY(read_json(TRY(file_of(directory, "manifest.json"))));
    const cJSON* image = TRY(choose_docker_image(images, choice));
    std::vector<fs::path> layers;
    for (const std::string& layer : texts_at(image, "Layers"))
        layers.push_back(TRY(file_of(directory, layer)));
    if (layers.empty()) return permanent_error("the image has no layers");
    TRY(check_layers(directory, text_at(image, "Config"), layers));
    return layers;
}

/// A name that stands at the top of a saved image, and not of a file system.
bool is_of_layout(std::string name) {
    if (name.starts_with("./")) name.erase(0, 2);
    for (std::string_view known : {"oci-layout", "index.json", "manifest.json", "repositories"})
        if (name == known) return true;
    if (name == "blobs" || name.starts_with("blobs/")) return true;
    std::string first = name.substr(0, name.find_first_of("/."));
    return first.size() == 64 && first.find_first_not_of("0123456789abcdef") == std::string::npos;
}

} // namespace

bool is_oci_layout(const fs::path& directory) {
    std::error_code ignored;
    return fs::exists(directory / "index.json", ignored)
               ? fs::exists(directory / "oci-layout", ignored)
               : fs::exists(directory / "manifest.json", ignored) && !fs::exists(directory / "etc", ignored);
}

Result<bool> is_oci_archive(const fs::path& file) {
    Reader reader(archive_read_new(), archive_read_free);
    archive_read_support_format_tar(reader.get());
    archive_read_support_filter_all(reader.get());
    bool opened = archive_read_open_filename(reader.get(), file.c_str(), 1 << 20) == ARCHIVE_OK;
    bool certain = false;
    for (archive_entry* entry = nullptr; opened;) {
        int outcome = archive_read_next_header(reader.get(), &entry);
        if (outcome == ARCHIVE_EOF) return certain;
        if (outcome != ARCHIVE_OK) break;
        std::string name = archive_entry_pathname(entry) ? archive_entry_pathname(entry) : "";
        if (name == "." || name == "./") continue;
        if (!is_of_layout(name)) return false;
        certain = certain || name.ends_with("oci-layout") || name.ends_with("manifest.json");
        if (certain) return true;
    }
    return permanent_error(file.native(), " is neither a tar nor a saved image: ",
                           archive_error_string(reader.get()) ? archive_error_string(reader.get()) : "");
}

Result<std::vector<fs::path>> oci_layers(const fs::path& directory, const OciChoice& choice) {
    if (!fs::exists(directory / "index.json"))
        return TRY(docker_layers(directory, choice), "reading the saved image ", directory.native());
    Json index = TRY(read_json(TRY(file_of(directory, "index.json"))));
    return TRY(layers_of_index(directory, index, choice, 0), "reading the OCI image ", directory.native());
}

} // namespace mangrove::ctl
