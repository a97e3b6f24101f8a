#include "head/image/image_kernels.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <tuple>

#include "base/resolve_in_root.h"
#include "head/host/files.h"
#include "head/image/kernel_version.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

/// As architectures and distributions call it; an uncompressed one last, for few boot loaders take it.
constexpr const char* kNames[] = {"vmlinuz", "Image", "bzImage",  "zImage", "kernel",
                                  "image",   "linux", "Image.gz", "vmlinux"};

std::vector<std::string> names_in(const fs::path& tree, const std::string& place) {
    std::vector<std::string> names;
    Result<std::string> directory = resolve_in_root(tree, place);
    if (!directory) return names;
    std::error_code ignored;
    for (fs::directory_iterator entry(*directory, ignored), end; !ignored && entry != end;
         entry.increment(ignored))
        names.push_back(entry->path().filename());
    std::ranges::sort(names);
    return names;
}

std::optional<std::string> version_in_header(const fs::path& file) {
    std::string name = name_of_kernel(file);
    if (name.empty()) return std::nullopt;
    return name.substr(0, name.find(' '));
}

/// Names that end with the version, or a directory that has its name.
std::vector<fs::path> places_by_version(const fs::path& tree, const fs::path& modules,
                                        const std::string& version) {
    std::vector<fs::path> places;
    for (const char* name : kNames) {
        places.push_back(modules / name);
        places.push_back(fs::path("boot") / text(name, "-", version));
    }
    for (const std::string& token : names_in(tree, "boot")) // kernel-install(8)
        for (const char* name : {"linux", "vmlinuz"})
            places.push_back(fs::path("boot") / token / version / name);
    return places;
}

/// Names without a version: Alpine's vmlinuz-lts beside modules of 6.6.31-0-lts, Arch's vmlinuz-linux, or one
/// name for the only kernel.
std::vector<fs::path> other_places(const fs::path& tree, const fs::path& modules,
                                   const std::string& version) {
    std::vector<std::string> flavours;
    for (size_t dash = version.find('-'); dash != std::string::npos; dash = version.find('-', dash + 1))
        flavours.push_back(version.substr(dash + 1));
    if (Result<fs::path> package = file_of(tree, modules / "pkgbase"))
        flavours.emplace_back(trim(read_file(*package).value_or("")));
    std::vector<fs::path> places;
    for (const std::string& flavour : flavours)
        for (const char* name : kNames)
            if (flavour.find('/') == std::string::npos)
                places.push_back(fs::path("boot") / text(name, "-", flavour));
    for (const char* name : kNames) {
        places.push_back(fs::path("boot") / name);
        places.emplace_back(name);
    }
    return places;
}

fs::path kernel_file(const fs::path& tree, const fs::path& modules, bool is_only_one) {
    std::string version = modules.filename();
    for (const fs::path& place : places_by_version(tree, modules, version))
        if (Result<fs::path> file = file_of(tree, place)) return *file;
    for (const fs::path& place : other_places(tree, modules, version))
        if (Result<fs::path> file = file_of(tree, place)) {
            std::optional<std::string> said = version_in_header(*file);
            if (said ? *said == version : is_only_one) return *file;
        }
    return {};
}

constexpr const char* kModules[] = {"usr/lib/modules", "lib/modules"};

std::vector<fs::path> module_directories(const fs::path& tree) {
    std::vector<fs::path> directories;
    std::error_code ignored;
    for (const char* place : kModules) {
        if (fs::is_symlink(tree / "lib", ignored) && std::string_view(place) == "lib/modules") continue;
        for (const std::string& version : names_in(tree, place))
            if (is_kernel_version(version)) directories.push_back(fs::path("/") / place / version);
    }
    return directories;
}

std::string printable(std::string name) {
    std::ranges::replace_if(
        name, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, '?');
    return name;
}

std::string listed(const std::vector<std::string>& names) {
    constexpr size_t kShown = 12;
    std::vector<std::string> shown;
    for (const std::string& name : names)
        if (shown.size() < kShown) shown.push_back(printable(name));
    if (names.size() > kShown) shown.emplace_back("…");
    return shown.empty() ? "nothing" : join(shown, ", ");
}

} // namespace

std::vector<Kernel> kernels_of(const fs::path& tree) {
    std::vector<fs::path> directories = module_directories(tree);
    std::vector<Kernel> kernels;
    for (const fs::path& modules : directories) {
        fs::path file = kernel_file(tree, modules, directories.size() == 1);
        if (!file.empty()) kernels.push_back({modules.filename(), file, tree, modules});
    }
    std::ranges::sort(kernels, [](const Kernel& a, const Kernel& b) {
        bool is_variant = is_kernel_variant(a.version);
        if (is_variant != is_kernel_variant(b.version)) return is_variant;
        return compare_versions(a.version, b.version) < 0;
    });
    return kernels;
}

std::vector<std::string> places_with_other_names(const fs::path& tree) {
    std::vector<std::string> places;
    std::error_code ignored;
    for (const char* place : kModules) {
        if (fs::is_symlink(tree / "lib", ignored) && std::string_view(place) == "lib/modules") continue;
        std::vector<std::string> names = names_in(tree, place);
        if (!std::ranges::all_of(names, is_kernel_version)) places.emplace_back(place);
    }
    return places;
}

std::string names_near_kernels(const fs::path& tree) {
    if (!resolve_in_root(tree, "boot")) return "";
    return text("/boot contains ", listed(names_in(tree, "boot")), "; /lib/modules contains ",
                listed(names_in(tree, "lib/modules")));
}

std::string name_of_kernel(const fs::path& file) {
    constexpr size_t kMagic = 0x202, kPointer = 0x20e, kBase = 0x200;
    std::string start(65536, '\0');
    std::ifstream stream(file, std::ios::binary);
    stream.read(start.data(), static_cast<std::streamsize>(start.size()));
    if (std::string_view(start).substr(kMagic, 4) != "HdrS") return {};
    size_t at = kBase + static_cast<uint8_t>(start[kPointer])
                + 256 * size_t{static_cast<uint8_t>(start[kPointer + 1])};
    size_t end = at < start.size() ? start.find('\0', at) : std::string::npos;
    return end == std::string::npos ? "" : start.substr(at, end - at);
}

} // namespace mangrove::head
