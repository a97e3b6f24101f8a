/// Reads the layouts in which container images are kept as files: the OCI image specification's "Image
/// Layout" (index.json, blobs/), which `podman save --format oci-archive` and `skopeo copy … oci:` write, and
/// the manifest.json of `docker save`, `podman save`, `crane pull`, Kaniko and Jib.

#include "head/image/oci.h"

#include <algorithm>
#include <archive_entry.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "head/host/files.h"
#include "head/host/json.h"
#include "head/image/confined.h"
#include "head/image/file_kind.h"
#include "oci/artifact.h"
#include "oci/reference.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

constexpr const char* kReference = "org.opencontainers.image.ref.name";
constexpr const char* kDockerName = "io.containerd.image.name";
/// Four times what registries take for a manifest (distribution specification, "Pushing Manifests").
constexpr uint64_t kLargestJson = 16 << 20;
/// Each is an open file; container engines stop at 127.
constexpr size_t kMostLayers = 500;

/// As Go calls it.
std::string this_architecture() {
    utsname machine = {};
    ::uname(&machine);
    constexpr std::pair<std::string_view, std::string_view> kNames[] = {
        {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm"},
        {"armv6l", "arm"},   {"i686", "386"},      {"loongarch64", "loong64"}};
    for (auto [name, other] : kNames)
        if (machine.machine == name) return std::string(other);
    return machine.machine;
}

/// The highest microarchitecture level of the x86-64 psABI that this machine has; 1 on any other.
int this_level() {
#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v4")) return 4;
    if (__builtin_cpu_supports("x86-64-v3")) return 3;
    if (__builtin_cpu_supports("x86-64-v2")) return 2;
#endif
    return 1;
}

/// The digits of "sha256:…".
Result<std::string> hex_of(const std::string& digest) {
    if (!oci::is_digest(digest)) return permanent_error("the digest '", digest, "' is not one of sha256");
    return split(digest, ':')[1];
}

Result<> check_digest(const Tar& file, const std::string& expected) {
    if (TRY(digest_of_open_file(file.file, file.name)) != expected)
        return permanent_error(file.name, " is damaged: its contents have another digest");
    return {};
}

/// A file whose contents are what its digest says.
Result<Tar> blob(const fs::path& directory, const std::string& digest) {
    std::string digits = TRY(hex_of(digest));
    std::string name = "blobs/sha256/" + digits;
    Tar file{directory / name, TRY(open_file_of(directory, name))};
    TRY(check_digest(file, digits));
    return file;
}

Result<Json> read_json(const Tar& file) {
    return parse_json(TRY(read_open_file(file.file, file.name, kLargestJson)), file.name);
}

Result<Json> read_json(const fs::path& directory, const std::string& name) {
    return read_json({directory / name, TRY(open_file_of(directory, name))});
}

const cJSON* list_at(const Json& json, const char* key) {
    return cJSON_GetObjectItemCaseSensitive(json.get(), key);
}

/// With the variant, unless every machine of the architecture has it.
std::string platform_of(const cJSON* manifest) {
    const cJSON* platform = cJSON_GetObjectItemCaseSensitive(manifest, "platform");
    std::string name = text_at(platform, "architecture");
    std::string variant = text_at(platform, "variant");
    bool plain =
        variant.empty() || (name == "amd64" && variant == "v1") || (name == "arm64" && variant == "v8");
    return plain ? name : name + "/" + variant;
}

std::string without_plain_variant(const std::string& architecture) {
    return architecture == "amd64/v1" || architecture == "arm64/v8"
               ? architecture.substr(0, architecture.find('/'))
               : architecture;
}

/// Attestations, signatures and bills of materials accompany images, and have no file system.
bool is_image(const cJSON* manifest) {
    const cJSON* platform = cJSON_GetObjectItemCaseSensitive(manifest, "platform");
    const cJSON* annotations = cJSON_GetObjectItemCaseSensitive(manifest, "annotations");
    return text_at(platform, "architecture") != "unknown"
           && text_at(annotations, "vnd.docker.reference.type").empty()
           && text_at(manifest, "artifactType").empty();
}

bool is_for(const cJSON* manifest, const OciChoice& choice) {
    const cJSON* platform = cJSON_GetObjectItemCaseSensitive(manifest, "platform");
    if (!platform) return true;
    if (std::string os = text_at(platform, "os"); os != "linux" && !os.empty()) return false;
    std::string wanted =
        without_plain_variant(choice.architecture.empty() ? this_architecture() : choice.architecture);
    std::string own = platform_of(manifest);
    return own == wanted || (wanted.find('/') == std::string::npos && own.starts_with(wanted + "/"));
}

/// How well a variant fits this machine: the plain one best, then the highest level that it has; 0: not at
/// all.
int rank_of(const cJSON* manifest) {
    std::string platform = platform_of(manifest);
    size_t slash = platform.find('/');
    if (slash == std::string::npos) return INT32_MAX;
    if (!platform.starts_with("amd64/v")) return 0;
    auto level = static_cast<int>(parse_number(platform.substr(slash + 2)).value_or(INT32_MAX));
    return level <= this_level() ? level : 0;
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

/// Of those that fit, the ones that fit this machine best. Several names of one image count once.
std::vector<const cJSON*> best_of(const std::vector<const cJSON*>& fitting) {
    int best = 0;
    for (const cJSON* manifest : fitting)
        best = std::max(best, rank_of(manifest));
    std::vector<const cJSON*> chosen;
    for (const cJSON* manifest : fitting) {
        auto is_same = [&](const cJSON* other) {
            return text_at(other, "digest") == text_at(manifest, "digest");
        };
        if ((best == 0 || rank_of(manifest) == best) && std::ranges::none_of(chosen, is_same))
            chosen.push_back(manifest);
    }
    return chosen;
}

/// The one manifest of an index that is meant.
Result<const cJSON*> choose(const Json& index, const OciChoice& choice) {
    std::vector<const cJSON*> fitting;
    std::vector<std::string> names;
    const cJSON* manifest = nullptr;
    cJSON_ArrayForEach(manifest, list_at(index, "manifests")) {
        if (!is_image(manifest)) continue;
        std::vector<std::string> own = names_of(manifest);
        std::string label = own.empty() ? "(without a name)" : own[0];
        if (cJSON_HasObjectItem(manifest, "platform")) label += " for " + platform_of(manifest);
        names.push_back(label);
        if (!is_for(manifest, choice)) continue;
        if (choice.reference.empty() || std::ranges::find(own, choice.reference) != own.end())
            fitting.push_back(manifest);
    }
    fitting = best_of(fitting);
    if (fitting.size() == 1) return fitting[0];
    if (names.empty()) return permanent_error("it holds no image");
    return permanent_error(fitting.empty() ? "none of its images fits" : "it holds several images",
                           " (--reference NAME, --architecture NAME, --digest DIGEST); there are ",
                           join(names, ", "));
}

Result<> check_count(size_t layers) {
    if (layers == 0) return permanent_error("the image has no layers");
    if (layers > kMostLayers)
        return permanent_error("the image has ", layers, " layers, more than the ", kMostLayers,
                               " that it can have");
    return {};
}

Result<std::vector<Tar>> layers_of_manifest(const fs::path& directory, const Json& manifest) {
    std::vector<Tar> layers;
    const cJSON* list = list_at(manifest, "layers");
    TRY(check_count(static_cast<size_t>(std::max(cJSON_GetArraySize(list), 0))));
    const cJSON* layer = nullptr;
    cJSON_ArrayForEach(layer, list) {
        std::string type = text_at(layer, "mediaType");
        if (type.starts_with(oci::kImageType))
            return permanent_error(
                "an image that mangrovectl publish has pushed; mangrovectl image pull takes it as it is");
        if (type.find("encrypted") != std::string::npos)
            return permanent_error("a layer is encrypted (", type, ")");
        if (type.find("tar") == std::string::npos)
            return permanent_error("a layer is not a tar (", type, "); this is no image of a file system");
        layers.push_back(TRY(blob(directory, text_at(layer, "digest"))));
    }
    return layers;
}

Result<std::vector<Tar>> layers_of_index(const fs::path& directory, const Json& index,
                                         const OciChoice& choice, int depth) {
    std::string digest = choice.digest;
    if (digest.empty()) digest = text_at(TRY(choose(index, choice)), "digest");
    Json manifest = TRY(read_json(TRY(blob(directory, digest))));
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

/// The digest that a configuration's name is made from: "DIGEST.json", "sha256:DIGEST",
/// "blobs/sha256/DIGEST".
std::string digest_in(const std::string& name) {
    std::string file = fs::path(name).filename();
    if (file.starts_with("sha256:")) file.erase(0, 7);
    if (file.ends_with(".json")) file.erase(file.size() - 5);
    return hex_of("sha256:" + file).value_or("");
}

/// The image's configuration has the digest of each layer, without its compression.
Result<> note_digests(const fs::path& directory, const std::string& name, std::vector<Tar>& layers) {
    if (name.empty())
        return permanent_error("it names no configuration, which has the digests of its layers");
    Tar file{directory / name, TRY(open_file_of(directory, name))};
    if (std::string digest = digest_in(name); !digest.empty()) TRY(check_digest(file, digest));
    Json configuration = TRY(read_json(file));
    std::vector<std::string> digests = texts_at(list_at(configuration, "rootfs"), "diff_ids");
    if (digests.size() != layers.size())
        return permanent_error("it has ", layers.size(), " layers and ", digests.size(), " in ", name);
    for (size_t i = 0; i < layers.size(); ++i)
        layers[i].digest = TRY(hex_of(digests[i]));
    return {};
}

Result<std::vector<Tar>> docker_layers(const fs::path& directory, const OciChoice& choice) {
    if (!choice.digest.empty())
        return permanent_error("--digest: it has no manifests with digests; choose with --reference");
    Json images = TRY(read_json(directory, "manifest.json"));
    const cJSON* image = TRY(choose_docker_image(images, choice));
    std::vector<std::string> names = texts_at(image, "Layers");
    TRY(check_count(names.size()));
    std::vector<Tar> layers;
    for (const std::string& name : names)
        layers.push_back({directory / name, TRY(open_file_of(directory, name))});
    TRY(note_digests(directory, text_at(image, "Config"), layers));
    return layers;
}

/// A root has such a name at its top, a saved image never.
bool is_of_root(std::string_view top) {
    for (std::string_view known : {"bin", "boot", "dev", "etc", "home", "lib", "lib64", "proc", "root", "run",
                                   "sbin", "sys", "usr", "var"})
        if (top == known) return true;
    return false;
}

bool marks_layout(std::string_view name) {
    return name == "manifest.json" || name == "oci-layout" || name == "index.json";
}

std::string start_of(const Tar& tar) {
    std::string start(kFileKindBytes, '\0');
    ssize_t count = ::pread(tar.file.get(), start.data(), start.size(), 0);
    start.resize(static_cast<size_t>(std::max<ssize_t>(count, 0)));
    return start;
}

/// An error where it is a file of another kind. libarchive takes zeros, with which many begin, for an empty
/// tar.
Result<> check_other_kinds(const Tar& tar) {
    if (FileKind kind = file_kind_of(start_of(tar), tar.name); !kind.name.empty())
        return permanent_error(tar.name, ": ", kind.name, " and not a tar; ", kind.remedy);
    if (FileKind kind = file_kind_of(plain_start(tar.file.get(), kFileKindBytes), "FILE"); !kind.name.empty())
        return permanent_error(tar.name, ": compressed, ", kind.name,
                               " and not a tar; decompress it first; then ", kind.remedy);
    return {};
}

Result<std::string> kind_of_tar(const Tar& tar, const UnpackLimits& limits, const Advance& advance) {
    LeftOut ignored;
    Result<std::unique_ptr<TarReader>> reader =
        TarReader::open(tar.file.get(), tar.name, limits.bytes, ignored, advance);
    Result<archive_entry*> first = nullptr;
    if (reader) first = (*reader)->next();
    if (!reader || !first || !*first) TRY(check_other_kinds(tar));
    if (!reader || !first)
        return permanent_error(tar.name, " is neither a tar nor a saved image\n  while ",
                               reader ? first.error().what : reader.error().what);
    bool is_layout = false;
    for (archive_entry* entry = *first; entry; entry = TRY((*reader)->next())) {
        std::string name = archive_entry_pathname(entry) ? archive_entry_pathname(entry) : "";
        while (name.starts_with("./") || name.starts_with("/"))
            name.erase(0, name.find('/') + 1);
        if (is_of_root(std::string_view(name).substr(0, name.find('/')))) return "root";
        is_layout = is_layout || marks_layout(name);
    }
    return is_layout ? "layout" : "root";
}

} // namespace

bool is_oci_layout(const fs::path& directory) {
    std::error_code ignored;
    if (fs::exists(directory / "etc", ignored) || fs::exists(directory / "usr", ignored)) return false;
    return fs::exists(directory / "index.json", ignored) ? fs::exists(directory / "oci-layout", ignored)
                                                         : fs::exists(directory / "manifest.json", ignored);
}

Result<bool> is_oci_archive(const Tar& tar, const fs::path& empty, const UnpackLimits& limits,
                            Progress& progress) {
    LongWork work(progress, "reading the names in " + tar.name, size_of(tar));
    auto read = [&](const Advance& advance) { return kind_of_tar(tar, limits, advance); };
    return TRY(run_confined(empty, {tar.file.get()}, read, progress)) == "layout";
}

Result<std::vector<Tar>> oci_layers(const fs::path& directory, const OciChoice& choice) {
    if (!fs::exists(directory / "index.json"))
        return TRY(docker_layers(directory, choice), "reading the saved image ", directory.native());
    Json index = TRY(read_json(directory, "index.json"));
    return TRY(layers_of_index(directory, index, choice, 0), "reading the OCI image ", directory.native());
}

} // namespace mangrove::head
