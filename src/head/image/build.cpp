#include "head/image/build.h"

#include <fstream>
#include <future>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "head/host/program.h"
#include "head/image/format_limits.h"
#include "head/image/image_checks.h"
#include "head/image/image_tree.h"
#include "head/image/kernel_support.h"
#include "head/image/packages.h"
#include "head/image/registry.h"
#include "head/image/unpack.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

bool is_program(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    char start[2] = {};
    return stream.read(start, 2) && start[0] == '#' && start[1] == '!';
}

/// Nobody else may enter the directory above it: a set-user-ID program in the tree is not one of this
/// machine.
Result<fs::path> make_private_directory(const fs::path& work, const char* name) {
    fs::path above = work / (std::string("private-") + name);
    if (::mkdir(above.c_str(), 0700) != 0) return system_error(errno, "making ", above.native());
    fs::path directory = above / name;
    TRY(make_directories(directory));
    return directory;
}

Result<fs::path> unpack_layers(const fs::path& layout, const fs::path& work, const BuildRequest& request,
                               Progress& progress) {
    fs::path tree = TRY(make_private_directory(work, "tree"));
    TRY(unpack({.directory = tree,
                .tars = TRY(oci_layers(layout, request.choice)),
                .whiteouts = Whiteouts::honoured,
                .epoch = request.packing.epoch,
                .limits = request.limits},
               progress));
    return tree;
}

Result<fs::path> unpack_tar(Tar tar, const fs::path& directory, const BuildRequest& request,
                            std::optional<uint64_t> epoch, Progress& progress) {
    UnpackRequest unpacking{.directory = directory, .epoch = epoch, .limits = request.limits};
    unpacking.tars.push_back(std::move(tar));
    TRY(unpack(unpacking, progress));
    return directory;
}

Result<> refuse_choice(const OciChoice& choice) {
    if ((choice.reference + choice.architecture + choice.digest).empty()) return {};
    return permanent_error("--reference, --architecture and --digest need an OCI image or a saved image");
}

Result<fs::path> unpack_file(const fs::path& work, const BuildRequest& request, Progress& progress) {
    Tar tar = TRY(open_tar(request.from));
    if (is_program(request.from))
        return permanent_error("it is a program; run it as a recipe with --recipe ", request.from.native());
    TRY(check_may_unpack());
    fs::path layout = TRY(make_private_directory(work, "layout"));
    if (TRY(is_oci_archive(tar, layout, request.limits, progress)))
        return unpack_layers(TRY(unpack_tar(std::move(tar), layout, request, {}, progress)), work, request,
                             progress);
    TRY(refuse_choice(request.choice));
    return unpack_tar(std::move(tar), TRY(make_private_directory(work, "tree")), request,
                      request.packing.epoch, progress);
}

/// Runs the recipe in a mount namespace of its own: a mount that it leaves in the tree would be deleted with
/// the tree.
std::vector<std::string> recipe_words(const fs::path& recipe, const fs::path& tree) {
    std::vector<std::string> words;
    if (::geteuid() == 0 && ::prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) == 1)
        words = {"unshare", "--mount", "--propagation", "private", "--"};
    words.insert(words.end(), {fs::absolute(recipe), tree});
    return words;
}

/// A recipe is a program that fills the directory that it is given.
Result<fs::path> run_recipe(const BuildRequest& request, const fs::path& work, Progress& progress) {
    TRY(refuse_choice(request.choice));
    fs::path tree = work / "tree";
    TRY(make_directories(tree));
    ::chmod(tree.c_str(), 0755);
    progress.note("running " + request.recipe.native());
    std::vector<std::string> environment;
    if (request.packing.epoch) environment.push_back(text("SOURCE_DATE_EPOCH=", *request.packing.epoch));
    TRY(run_program(
        {recipe_words(request.recipe, tree), "util-linux", environment, Noted::everything, request.recipe},
        progress));
    if (fs::is_empty(tree))
        return permanent_error("the recipe ", request.recipe.native(), " left the directory empty");
    return tree;
}

/// The digest and the name are those of the registry: the layout holds just that image.
Result<fs::path> unpack_from_registry(const fs::path& work, BuildRequest request, Progress& progress) {
    TRY(check_may_unpack());
    fs::path layout = work / "layout";
    TRY(copy_from_registry(request.from, request.choice, layout, progress));
    request.choice.digest.clear();
    return unpack_layers(layout, work, request, progress);
}

/// The directory with the image's files: the source itself, or one in `work`.
Result<fs::path> make_tree(const BuildRequest& request, const fs::path& work, Progress& progress) {
    if (!request.recipe.empty()) return run_recipe(request, work, progress);
    if (is_in_registry(request.from)) return unpack_from_registry(work, request, progress);
    std::error_code problem;
    if (!fs::exists(request.from, problem))
        return permanent_error("there is no '", request.from.native(), "'");
    if (!fs::is_directory(request.from)) return unpack_file(work, request, progress);
    if (is_oci_layout(request.from)) return unpack_layers(request.from, work, request, progress);
    TRY(refuse_choice(request.choice));
    return request.from;
}

Result<std::string> digest_of(const fs::path& file, Progress& progress) {
    LongWork work(progress, "reading the image for its digest", size_of_file(file));
    return digest_of_file(file, progress);
}

/// Packs the tree, and meanwhile lists what is in it.
Result<Contents> pack_and_list(const fs::path& tree, const fs::path& file, const Packing& packing,
                               Progress& progress) {
    std::packaged_task<Result<Contents>()> task([&] { return read_contents(tree); });
    std::future<Result<Contents>> listed = task.get_future();
    std::thread lister(std::move(task));
    Result<> packed = pack(tree, file, packing, progress);
    lister.join();
    TRY(std::move(packed));
    Contents contents = TRY(listed.get());
    for (const std::string& line : limit_to_format(contents, packing))
        progress.warn(line);
    return contents;
}

/// Appends the hash tree, unless the nodes' kernel could do nothing with it.
Result<ImageTree> add_tree(const fs::path& tree, const fs::path& file, const BuildRequest& request,
                           Progress& progress) {
    bool has_kernel = request.boot.wanted != BootFiles::none;
    std::optional<Kernel> kernel = has_kernel ? TRY(choose_kernel(tree, request.boot)) : std::nullopt;
    if (!kernel || can_verify(*kernel))
        return TRY(append_tree(file, request.name, progress), "appending the hash tree");
    progress.warn(text("the kernel ", kernel->version,
                       " has no dm-verity (CONFIG_DM_VERITY): nodes cannot verify this image"));
    return ImageTree();
}

} // namespace

Result<Built> build_image(const Store& store, BuildRequest request, Progress& shown) {
    KeptWarnings progress(shown);
    TRY(check_image_name(request.name));
    TRY(check_packing(request.packing));
    request.packing.seed = request.name;
    Store::Workshop workshop = TRY(store.open_workshop());
    const fs::path& work = workshop.stage.path;
    const fs::path& source = request.recipe.empty() ? request.from : request.recipe;
    fs::path tree = TRY(make_tree(request, work, progress), "reading ", source.native());
    fs::path made = work / "made";
    TRY(make_directories(made));
    bool is_unpacked = request.recipe.empty() && tree != request.from;
    Origin origin = is_unpacked ? Origin::unpacked : Origin::in_place;
    request.packing.labels = labels_in(tree, origin, work, host_has_selinux());
    // First, for packing takes long, and what is wrong here is then known at once.
    TRY(check_image(tree, request.packing, request.boot, progress));
    std::string kernel_version = TRY(make_boot_files(tree, made, request.boot, progress));
    Contents contents = TRY(pack_and_list(tree, made / "image", request.packing, progress));
    ImageTree hash_tree = TRY(add_tree(tree, made / "image", request, progress));
    Image image{.name = request.name,
                .id = {},
                .digest = "sha256:" + TRY(digest_of(made / "image", progress)),
                .format = request.packing.format,
                .compression = request.packing.compression,
                .source = is_in_registry(source) ? source : fs::absolute(source),
                .created = {},
                .size = fs::file_size(made / "image"),
                .root_hash = hash_tree.root_hash,
                .hash_offset = hash_tree.offset,
                .block_size = request.packing.block_size,
                .kernel_version = kernel_version,
                .posts_health = !kernel_version.empty() && can_post_health(request.boot)};
    image.id = text(request.name, "-", image.digest.substr(7, 12));
    TRY(rename_file(made / "image", made / (image.id + "." + image.format)));
    TRY(write_file(made / "contents", to_text(contents), 0600));
    TRY(write_file(made / "packages", to_text(read_packages(tree)), 0600));
    if (request.packing.profile) {
        std::string profile = to_text(*request.packing.profile);
        image.profile_digest = "sha256:" + digest_of_text(profile);
        TRY(write_file(made / image.profile().filename(), profile, 0600));
    }
    return Built{TRY(store.add(std::move(image), made)), progress.warnings()};
}

} // namespace mangrove::head
