#include "ctl/build.h"

#include <fstream>
#include <future>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "base/log.h"
#include "ctl/contents.h"
#include "ctl/unpack.h"

namespace mangrove::ctl {

namespace fs = std::filesystem;

namespace {

enum class SourceKind { directory, oci_layout, oci_archive, tar, recipe };

Result<SourceKind> kind_of(const fs::path& from) {
    std::error_code problem;
    if (!fs::exists(from, problem)) return permanent_error("there is no '", from.native(), "'");
    if (fs::is_directory(from)) return is_oci_layout(from) ? SourceKind::oci_layout : SourceKind::directory;
    std::ifstream file(from, std::ios::binary);
    char start[2] = {};
    if (file.read(start, 2) && start[0] == '#' && start[1] == '!') return SourceKind::recipe;
    return TRY(is_oci_archive(from)) ? SourceKind::oci_archive : SourceKind::tar;
}

Result<> unpack_layers(const fs::path& layout, const fs::path& tree, const BuildRequest& request) {
    std::vector<fs::path> layers = TRY(oci_layers(layout, request.choice));
    Unpacker unpacker = TRY(Unpacker::into(tree, request.packing.epoch));
    for (size_t i = 0; i < layers.size(); ++i) {
        log_notice("unpacking layer ", i + 1, " of ", layers.size());
        TRY(unpacker.unpack_layer(layers[i]));
    }
    return unpacker.finish();
}

Result<> unpack_tar(const fs::path& tar, const fs::path& tree, std::optional<uint64_t> epoch) {
    log_notice("unpacking ", tar.native());
    Unpacker unpacker = TRY(Unpacker::into(tree, epoch));
    TRY(unpacker.unpack(tar));
    return unpacker.finish();
}

Result<> unpack_archive(const fs::path& file, const fs::path& work, const fs::path& tree,
                        const BuildRequest& request) {
    fs::path layout = work / "layout";
    TRY(make_directories(layout));
    TRY(unpack_tar(file, layout, {}));
    return unpack_layers(layout, tree, request);
}

/// What a recipe mounts in the tree must go with it, however it ends: the tree is removed with all that is in
/// it.
std::vector<std::string> recipe_words(const fs::path& recipe, const fs::path& tree) {
    std::vector<std::string> words;
    if (::geteuid() == 0 && ::prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) == 1)
        words = {"unshare", "--mount", "--propagation", "private", "--"};
    words.insert(words.end(), {fs::absolute(recipe), tree});
    return words;
}

/// A recipe is a program that fills the directory that it is given.
Result<> run_recipe(const fs::path& recipe, const fs::path& tree, std::optional<uint64_t> epoch) {
    log_notice("running ", recipe.native());
    std::vector<std::string> environment;
    if (epoch) environment.push_back(text("SOURCE_DATE_EPOCH=", *epoch));
    TRY(run_program({recipe_words(recipe, tree), "util-linux", environment, Output::shown, recipe}));
    if (fs::is_empty(tree))
        return permanent_error("the recipe ", recipe.native(), " left the directory empty");
    return {};
}

/// The directory with the image's files: the source itself, or one in `work`.
Result<fs::path> make_tree(const BuildRequest& request, const fs::path& work) {
    SourceKind kind = TRY(kind_of(request.from));
    bool has_several = kind == SourceKind::oci_layout || kind == SourceKind::oci_archive;
    if (!has_several && !(request.choice.reference + request.choice.architecture).empty())
        return permanent_error("it holds no images that --reference and --architecture could choose among");
    if (kind == SourceKind::directory) return request.from;
    fs::path tree = work / "tree";
    TRY(make_directories(tree));
    ::chmod(tree.c_str(), 0755);
    if (kind == SourceKind::oci_layout) TRY(unpack_layers(request.from, tree, request));
    if (kind == SourceKind::oci_archive) TRY(unpack_archive(request.from, work, tree, request));
    if (kind == SourceKind::tar) TRY(unpack_tar(request.from, tree, request.packing.epoch));
    if (kind == SourceKind::recipe) TRY(run_recipe(request.from, tree, request.packing.epoch));
    return tree;
}

/// Packs the tree, and meanwhile lists what is in it.
Result<Contents> pack_and_list(const fs::path& tree, const fs::path& file, const Packing& packing) {
    log_notice("packing it as ", packing.format);
    std::packaged_task<Result<Contents>()> task([&] { return read_contents(tree); });
    std::future<Result<Contents>> listed = task.get_future();
    std::thread lister(std::move(task));
    Result<> packed = pack(tree, file, packing);
    lister.join();
    TRY(std::move(packed));
    return listed.get();
}

} // namespace

Result<Image> build_image(const Store& store, BuildRequest request) {
    TRY(check_image_name(request.name));
    TRY(check_packing(request.packing));
    request.packing.seed = request.name;
    Store::Workshop workshop = TRY(store.open_workshop());
    const fs::path& work = workshop.stage.path;
    fs::path tree = TRY(make_tree(request, work), "reading ", request.from.native());
    fs::path made = work / "made";
    TRY(make_directories(made));
    // First, for packing takes long, and what is wrong here is then known at once.
    std::string kernel_version = TRY(make_boot_files(tree, made, request.boot));
    Contents contents = TRY(pack_and_list(tree, made / "image", request.packing));
    Image image{.name = request.name,
                .id = {},
                .digest = "sha256:" + TRY(digest_of_file(made / "image")),
                .format = request.packing.format,
                .compression = request.packing.compression,
                .source = fs::absolute(request.from),
                .created = {},
                .size = fs::file_size(made / "image"),
                .kernel_version = kernel_version};
    image.id = text(request.name, "-", image.digest.substr(7, 12));
    TRY(rename_file(made / "image", made / (image.id + "." + image.format)));
    TRY(write_file(made / "contents", to_text(contents)));
    return store.add(std::move(image), made);
}

} // namespace mangrove::ctl
