#include "ctl/boot_files.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/log.h"
#include "base/resolve_in_root.h"
#include "ctl/files.h"
#include "ctl/program.h"

namespace mangrove::ctl {

namespace fs = std::filesystem;

namespace {

struct Kernel {
    std::string version;
    fs::path file;
    fs::path root;
    fs::path modules; ///< in the root
};

/// The kernel's file, where Debian has it or where kernel-install and Fedora do.
fs::path kernel_file(const fs::path& tree, const fs::path& modules) {
    for (const fs::path& path :
         {modules / "vmlinuz", fs::path("boot/vmlinuz-" + modules.filename().native())})
        if (Result<fs::path> file = file_of(tree, path)) return *file;
    return {};
}

/// For it becomes part of file names and of what firmware reads.
bool is_version(const std::string& name) {
    constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    return !name.empty() && name.size() <= 64 && kFirst.find(name[0]) != std::string_view::npos
           && name.find_first_not_of(std::string(kFirst) + "._+~-") == std::string::npos;
}

/// The newest last.
std::vector<Kernel> kernels_of(const fs::path& tree) {
    std::vector<Kernel> kernels;
    std::error_code ignored;
    for (const char* place : {"usr/lib/modules", "lib/modules"}) {
        if (fs::is_symlink(tree / "lib", ignored) && std::string_view(place) == "lib/modules") continue;
        Result<std::string> directory = resolve_in_root(tree, place);
        if (!directory) continue;
        for (fs::directory_iterator entry(*directory, ignored), end; !ignored && entry != end;
             entry.increment(ignored)) {
            fs::path modules = fs::path("/") / place / entry->path().filename();
            if (!is_version(modules.filename())) {
                log_notice("ignoring ", modules.native(), ": its name is no version of a kernel");
                continue;
            }
            fs::path file = kernel_file(tree, modules);
            if (!file.empty()) kernels.push_back({modules.filename(), file, tree, modules});
        }
    }
    std::ranges::sort(kernels, [](const Kernel& a, const Kernel& b) {
        return ::strverscmp(a.version.c_str(), b.version.c_str()) < 0;
    });
    return kernels;
}

Result<std::optional<Kernel>> choose_kernel(const fs::path& tree, const BootRequest& request) {
    if (!request.kernel.empty() || !request.modules.empty()) {
        if (request.kernel.empty() || request.modules.empty())
            return permanent_error("--kernel and --modules go together: a kernel and its modules");
        fs::path modules = fs::absolute(request.modules / "").parent_path();
        if (!is_version(modules.filename()))
            return permanent_error("--modules: '", modules.filename().native(),
                                   "' is no version of a kernel; a directory …/lib/modules/VERSION has one");
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

std::string mangrove_program(const BootRequest& request) {
    if (!request.mangrove.empty()) return request.mangrove;
    std::error_code problem;
    fs::path beside = fs::read_symlink("/proc/self/exe", problem).parent_path() / "mangrove";
    return fs::exists(beside, problem) ? beside.native() : "mangrove";
}

} // namespace

Result<std::string> make_boot_files(const fs::path& tree, const fs::path& directory,
                                    const BootRequest& request) {
    if (request.wanted == BootFiles::none) return "";
    std::optional<Kernel> kernel = TRY(choose_kernel(tree, request));
    if (!kernel) {
        log_notice("there is no kernel in the image: nodes boot it with another's (--kernel, --modules)");
        return "";
    }
    TRY(clone_file(kernel->file, directory / ("vmlinuz-" + kernel->version)), "taking the kernel out");
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
    TRY(run_program({words, "mangrove"}),
        "building the initramfs (with another mangrove: --mangrove PROGRAM; none: --no-boot)");
    if (!fs::exists(directory / ("initramfs-" + kernel->version)))
        return permanent_error(join(words, " "), " made no initramfs");
    return kernel->version;
}

} // namespace mangrove::ctl
