/// Pulls artifacts of our own type (oci/artifact.h) by skopeo(1), which checks the digests of all that it
/// copies.

#include "head/image/pull.h"

#include <algorithm>

#include "head/host/files.h"
#include "head/host/json.h"
#include "head/host/program.h"
#include "oci/artifact.h"
#include "oci/reference.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

/// The layout of one artifact that skopeo has made.
struct Layout {
    fs::path place;

    fs::path blob(const std::string& digest) const { return place / "blobs/sha256" / digest.substr(7); }
};

Result<> copy(const PullRequest& request, const oci::Reference& artifact, const Layout& layout,
              Progress& progress) {
    std::vector<std::string> words = {"skopeo", "copy", "--preserve-digests"};
    if (!request.authfile.empty()) words.insert(words.end(), {"--authfile", request.authfile});
    std::string tag = artifact.tag.empty() ? "" : ":" + artifact.tag;
    std::string digest = artifact.digest.empty() ? "" : "@" + artifact.digest;
    words.push_back(text("docker://", artifact.registry, "/", artifact.repository, tag, digest));
    words.push_back(text("oci:", layout.place.native(), ":image"));
    progress.note("copying " + request.from);
    TRY(run_program({.words = words, .package = "skopeo"}, progress));
    return {};
}

Result<std::string> read_blob(const Layout& layout, const std::string& digest) {
    constexpr uint64_t kLargest = 4 << 20;
    if (!oci::is_digest(digest)) return permanent_error("'", digest, "' is not a digest of sha256");
    fs::path path = layout.blob(digest);
    return read_open_file(TRY(open_regular_file(path)), path, kLargest);
}

Result<std::string> read_manifest(const Layout& layout) {
    fs::path path = layout.place / "index.json";
    Json index = TRY(parse_json(TRY(read_file(path)), path.native()));
    const cJSON* list = cJSON_GetObjectItemCaseSensitive(index.get(), "manifests");
    return read_blob(layout, text_at(cJSON_GetArrayItem(list, 0), "digest"));
}

/// Of an artifact of ours.
Result<Image> read_record(const Layout& layout, const std::string& manifest) {
    Json json = TRY(parse_json(manifest, "the manifest"));
    const cJSON* configuration = cJSON_GetObjectItemCaseSensitive(json.get(), "config");
    if (text_at(configuration, "mediaType") != oci::kConfigurationType)
        return permanent_error(
            "no image that mangrovectl publish has pushed; an image of a container becomes one with "
            "mangrovectl image build NAME --from");
    return image_from_portable_record(TRY(read_blob(layout, text_at(configuration, "digest"))));
}

/// Where the layer belongs; empty: nowhere.
fs::path name_of(const oci::Layer& layer, const Image& image) {
    if (layer.digest == image.digest) return image.file().filename();
    if (layer.media_type == oci::kKernelType) return image.kernel().filename();
    if (layer.media_type == oci::kInitramfsType) return image.initramfs().filename();
    if (layer.media_type != oci::kFileType) return {};
    for (const fs::path& known : {image.contents(), image.packages(), image.profile()})
        if (layer.title == known.filename()) return known.filename();
    return {};
}

Result<> take_files(const Layout& layout, const std::vector<oci::Layer>& layers, const Image& image,
                    const fs::path& made) {
    constexpr fs::perms kForOwner = fs::perms(0600), kForEveryone = fs::perms(0644);
    for (const oci::Layer& layer : layers) {
        fs::path name = name_of(layer, image);
        if (name.empty()) continue;
        TRY(rename_file(layout.blob(layer.digest), made / name));
        std::error_code ignored;
        fs::permissions(made / name, layer.media_type == oci::kFileType ? kForOwner : kForEveryone, ignored);
    }
    // Empty ones were not pushed.
    for (const fs::path& list : {image.contents(), image.packages()})
        if (!fs::exists(made / list.filename())) TRY(write_file(made / list.filename(), "", 0600));
    std::vector<fs::path> wanted = {image.file()};
    if (!image.profile_digest.empty()) wanted.push_back(image.profile());
    if (!image.kernel_version.empty()) wanted.insert(wanted.end(), {image.kernel(), image.initramfs()});
    for (const fs::path& file : wanted)
        if (!fs::exists(made / file.filename()))
            return permanent_error("the artifact lacks ", file.filename().native());
    return {};
}

} // namespace

Result<Image> pull_image(const Store& store, const PullRequest& request, Progress& progress) {
    oci::Reference artifact = TRY(oci::Reference::parse(request.from), "reading '", request.from, "'");
    Store::Workshop workshop = TRY(store.open_workshop());
    Layout layout{workshop.stage.path / "layout"};
    TRY(copy(request, artifact, layout, progress));
    std::string manifest = TRY(read_manifest(layout), "reading ", request.from);
    std::vector<oci::Layer> layers = TRY(oci::layers_of(manifest), "reading ", request.from);
    Image image = TRY(read_record(layout, manifest), "reading ", request.from);
    image.source = request.from;
    fs::path made = workshop.stage.path / "made";
    TRY(make_directories(made));
    TRY(take_files(layout, layers, image, made), "reading ", request.from);
    return store.add(std::move(image), made);
}

} // namespace mangrove::head
