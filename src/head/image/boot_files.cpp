#include "head/image/boot_files.h"

#include "base/resolve_in_root.h"
#include "head/host/files.h"
#include "head/host/program.h"
#include "head/image/image_kernels.h"
#include "head/image/kernel_version.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

/// Says which of several kernels was taken.
void say_which(const Kernel& kernel, const std::vector<Kernel>& all, Progress& progress) {
    std::vector<std::string> others;
    for (const Kernel& other : all)
        if (other.version != kernel.version) others.push_back(other.version);
    progress.note(text(
        "taking the kernel ", kernel.version,
        others.empty() ? "" : "; the image also has " + join(others, ", ") + " (--kernel-version VERSION)"));
}

std::string mangrove_program(const BootRequest& request) {
    if (!request.mangrove.empty()) return request.mangrove;
    std::error_code problem;
    fs::path beside = fs::read_symlink("/proc/self/exe", problem).parent_path() / "mangrove";
    return fs::exists(beside, problem) ? beside.native() : "mangrove";
}

} // namespace

Result<std::optional<Kernel>> choose_kernel(const fs::path& tree, const BootRequest& request) {
    if (!request.kernel.empty() || !request.modules.empty()) {
        if (request.kernel.empty() || request.modules.empty())
            return permanent_error("--kernel and --modules go together: a kernel and its modules");
        fs::path modules = fs::absolute(request.modules / "").parent_path();
        if (!is_kernel_version(modules.filename().native()))
            return permanent_error("--modules: ", modules.native(),
                                   " does not end with the version of a kernel (lib/modules/VERSION)");
        return Kernel{modules.filename(), request.kernel, "/", modules};
    }
    std::vector<Kernel> kernels = kernels_of(tree);
    std::vector<std::string> versions;
    for (const Kernel& kernel : kernels) {
        if (kernel.version == request.version) return kernel;
        versions.push_back(kernel.version);
    }
    if (!request.version.empty())
        return permanent_error("the image has no kernel ", request.version, "; there are ",
                               versions.empty() ? "none" : join(versions, ", "));
    if (kernels.empty()) return std::nullopt;
    return kernels.back();
}

bool can_post_health(const BootRequest& request) {
    return run_program(Program{.words = {mangrove_program(request), "post-health", "--help"}}).has_value();
}

Result<std::string> make_boot_files(const fs::path& tree, const fs::path& directory,
                                    const BootRequest& request, Progress& progress) {
    if (request.wanted == BootFiles::none) return "";
    std::optional<Kernel> kernel = TRY(choose_kernel(tree, request));
    if (!kernel) {
        std::string near = names_near_kernels(tree);
        progress.note(text("no kernel found in the image", near.empty() ? "" : " (" + near + ")",
                           "; nodes boot it with another one (--kernel FILE --modules DIRECTORY)"));
        return "";
    }
    if (request.kernel.empty()) say_which(*kernel, kernels_of(tree), progress);
    fs::path taken = directory / ("vmlinuz-" + kernel->version);
    TRY(clone_file(kernel->file, taken), "taking the kernel out");
    fs::permissions(taken, fs::perms(0644)); // Ubuntu's is root's alone, which no web server could hand out
    // depmod's list is made when a kernel is installed; a tree that only unpacked one has none.
    if (!resolve_in_root(kernel->root, kernel->modules / "modules.dep"))
        return permanent_error(kernel->modules.native(),
                               " has no modules.dep; run depmod there, or --no-boot");
    std::vector<std::string> words = {mangrove_program(request),
                                      "initramfs",
                                      "--root",
                                      kernel->root,
                                      "--modules",
                                      kernel->modules,
                                      "--output",
                                      directory / ("initramfs-" + kernel->version)};
    words.insert(words.end(), request.initramfs_options.begin(), request.initramfs_options.end());
    TRY(run_program({words, "mangrove", {}, Noted::errors}, progress),
        "building the initramfs (with another mangrove: --mangrove PROGRAM; none: --no-boot)");
    if (!fs::exists(directory / ("initramfs-" + kernel->version)))
        return permanent_error(join(words, " "), " made no initramfs");
    return kernel->version;
}

} // namespace mangrove::head
