/// Registries of OCI artifacts, by skopeo(1): the files of an image become layers of one artifact
/// (oci/artifact.h), which is pushed from an OCI image layout of links to them, beside the records. Its
/// manifest, and so its digest, is known beforehand. Who pushes is known to containers-auth.json(5), or to
/// --authfile.

#include <algorithm>

#include "head/host/files.h"
#include "head/host/json.h"
#include "head/publish/publish.h"
#include "oci/artifact.h"
#include "oci/reference.h"

namespace mangrove::head {

namespace {

constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";

struct Blob {
    std::string type;
    std::string digest;
    uint64_t size = 0;
    std::string title = {}; ///< empty: it has none
};

Json to_json(const Blob& blob) {
    Json json = make_json_object();
    add_text(json.get(), "mediaType", blob.type);
    add_text(json.get(), "digest", blob.digest);
    cJSON_AddNumberToObject(json.get(), "size", static_cast<double>(blob.size));
    if (!blob.title.empty())
        add_text(add_object(json.get(), "annotations"), "org.opencontainers.image.title", blob.title);
    return json;
}

Blob blob_of_text(std::string_view type, const std::string& contents) {
    return {
        .type = std::string(type), .digest = "sha256:" + digest_of_text(contents), .size = contents.size()};
}

/// A layout of the image specification, whose blobs are written or links.
class Layout {
  public:
    explicit Layout(std::string place) : place_(std::move(place)) {
        for (const char* directory : {"", "/blobs", "/blobs/sha256"})
            steps_.push_back({.kind = Step::Kind::directory, .path = place_ + directory});
    }

    const std::string& place() const { return place_; }
    void write(const std::string& name, std::string contents) {
        steps_.push_back(
            {.kind = Step::Kind::file, .path = text(place_, "/", name), .contents = std::move(contents)});
    }
    void write_blob(const Blob& blob, const std::string& contents) { write(path_of(blob), contents); }
    Result<Blob> link(const std::filesystem::path& file, std::string type, std::string digest) {
        if (digest.empty()) digest = "sha256:" + TRY(digest_of_file(file));
        Blob blob = {.type = std::move(type),
                     .digest = std::move(digest),
                     .size = size_of_file(file),
                     .title = file.filename()};
        steps_.push_back(
            {.kind = Step::Kind::link, .path = text(place_, "/", path_of(blob)), .contents = file});
        return blob;
    }
    std::vector<Step> take_steps() { return std::move(steps_); }

  private:
    static std::string path_of(const Blob& blob) { return "blobs/sha256/" + split(blob.digest, ':')[1]; }

    std::string place_;
    std::vector<Step> steps_;
};

Result<std::vector<Blob>> link_files(Layout& layout, const Image& image) {
    std::vector<Blob> blobs;
    blobs.push_back(TRY(layout.link(image.file(), text(oci::kImageType, ".", image.format), image.digest)));
    std::vector<std::filesystem::path> further = {image.contents(), image.packages()};
    if (!image.profile_digest.empty()) further.push_back(image.profile());
    for (const std::filesystem::path& file : further)
        if (size_of_file(file) > 0) blobs.push_back(TRY(layout.link(file, std::string(oci::kFileType), "")));
    if (image.kernel_version.empty()) return blobs;
    blobs.push_back(TRY(layout.link(image.kernel(), std::string(oci::kKernelType), "")));
    blobs.push_back(TRY(layout.link(image.initramfs(), std::string(oci::kInitramfsType), "")));
    return blobs;
}

std::string manifest_of(const Blob& configuration, const std::vector<Blob>& layers) {
    Json manifest = make_json_object();
    cJSON_AddNumberToObject(manifest.get(), "schemaVersion", 2);
    add_text(manifest.get(), "mediaType", kManifestType);
    add_text(manifest.get(), "artifactType", std::string(oci::kImageType));
    cJSON_AddItemToObject(manifest.get(), "config", to_json(configuration).release());
    cJSON* list = cJSON_AddArrayToObject(manifest.get(), "layers");
    for (const Blob& layer : layers)
        cJSON_AddItemToArray(list, to_json(layer).release());
    return print_json(manifest);
}

std::string index_of(const Blob& manifest) {
    Json index = make_json_object();
    cJSON_AddNumberToObject(index.get(), "schemaVersion", 2);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(index.get(), "manifests"), to_json(manifest).release());
    return print_json(index);
}

/// skopeo takes a first part without a dot or a port for a repository of Docker's.
Result<oci::Reference> repository_of(const PublishRequest& request) {
    if (request.repository.empty())
        return permanent_error("--repository is required: REGISTRY[:PORT]/REPOSITORY");
    oci::Reference found = TRY(oci::Reference::parse("oci://" + request.repository), "reading --repository");
    if (!found.tag.empty() || !found.digest.empty())
        return permanent_error("--repository: '", request.repository,
                               "' has a tag or a digest; the tag is the image's id");
    bool is_host = found.registry == "localhost" || found.registry.find_first_of(".:") != std::string::npos;
    if (!is_host)
        return permanent_error(
            "--repository: '", found.registry,
            "' has neither a dot nor a port; skopeo would take it for a repository of docker.io");
    return found;
}

/// The bytes of the manifest stay as they are, so that its digest does.
Step push(const PublishRequest& request, const Layout& layout, const std::string& repository,
          const std::string& digest) {
    std::vector<std::string> authentication;
    if (!request.authfile.empty()) authentication = {"--authfile", request.authfile};
    Step step = {.words = {"skopeo", "copy", "--quiet", "--preserve-digests"}, .reads = request.image.file()};
    step.words.insert(step.words.end(), authentication.begin(), authentication.end());
    step.words.insert(step.words.end(),
                      {"oci:" + layout.place(), text("docker://", repository, ":", request.image.id)});
    // Nothing to delete is no error, and a registry that lets nothing be deleted stays as it is.
    step.undo_words = {"sh",
                       "-c",
                       "said=$(\"$@\" 2>&1) || case $said in *'manifest unknown'*|*'may not exist'*|*'405 "
                       "Method Not Allowed'*"
                       "|*UNSUPPORTED*) ;; *) echo \"$said\" >&2; exit 1 ;; esac",
                       "sh",
                       "skopeo",
                       "delete"};
    step.undo_words.insert(step.undo_words.end(), authentication.begin(), authentication.end());
    step.undo_words.push_back(text("docker://", repository, "@", digest));
    return step;
}

struct NodeLogin {
    std::string user = {}; ///< empty: none
    std::string password = {};
};

Result<NodeLogin> read_node_login(Host& host, const PublishRequest& request) {
    if (request.node_credentials.empty()) return NodeLogin();
    std::string written(trim(TRY(host.read(request.node_credentials), "reading --node-credentials")));
    size_t colon = written.find(':');
    bool is_one_line = written.find('\n') == std::string::npos;
    if (!is_one_line || colon == 0 || colon == std::string::npos)
        return permanent_error("--node-credentials: ", request.node_credentials,
                               " does not hold USER:PASSWORD");
    return NodeLogin{written.substr(0, colon), written.substr(colon + 1)};
}

/// Into the attachment `http` of a mount.
void add_login(cJSON* mount, const NodeLogin& login) {
    cJSON* at = mount;
    for (const char* key : {"attach", "attach", "http"})
        at = cJSON_GetObjectItemCaseSensitive(at, key);
    if (login.user.empty()) return;
    add_text(at, "username", login.user);
    add_text(at, "password", login.password);
}

} // namespace

Result<Plan> plan_registry(Host& host, const PublishRequest& request) {
    oci::Reference place = TRY(repository_of(request));
    NodeLogin login = TRY(read_node_login(host, request));
    std::string repository = text(place.registry, "/", place.repository);
    Layout layout(text(request.records, "/", request.image.id, ".oci"));
    std::vector<Blob> layers = TRY(link_files(layout, request.image));
    std::string configuration = portable_record_of(request.image);
    Blob configuration_blob = blob_of_text(oci::kConfigurationType, configuration);
    layout.write_blob(configuration_blob, configuration);
    std::string manifest = manifest_of(configuration_blob, layers);
    Blob manifest_blob = blob_of_text(kManifestType, manifest);
    layout.write_blob(manifest_blob, manifest);
    layout.write("index.json", index_of(manifest_blob));
    layout.write("oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    std::vector<Step> steps = layout.take_steps();
    steps.push_back(push(request, layout, repository, manifest_blob.digest));
    Json mount = TRY(http_mount(request.image, {text("oci://", repository, "@", manifest_blob.digest)}));
    add_login(mount.get(), login);
    return Plan{std::move(steps), std::move(mount)};
}

} // namespace mangrove::head
