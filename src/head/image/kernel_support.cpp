#include "head/image/kernel_support.h"

#include <algorithm>
#include <archive.h>
#include <archive_entry.h>
#include <map>
#include <memory>
#include <optional>

#include "head/host/files.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

struct FileSystem {
    std::string_view format;
    std::string_view option;
    std::string_view module; ///< of modules.dep and modules.builtin
};

constexpr FileSystem kFileSystems[] = {
    {"squashfs", "CONFIG_SQUASHFS", "squashfs.ko"},
    {"erofs", "CONFIG_EROFS_FS", "erofs.ko"},
    {"ext4", "CONFIG_EXT4_FS", "ext4.ko"},
};

/// A compression, the kernel's option for it (fs/squashfs/Kconfig, fs/erofs/Kconfig) and the functions, of
/// different kernels, that the module calls for it. A squashfs without compression names gzip in its
/// superblock.
struct Decompressor {
    std::string_view format;
    std::string_view compression;
    std::string_view option;
    std::vector<std::string_view> calls;
};

const std::vector<Decompressor>& decompressors() {
    static const std::vector<std::string_view> zlib = {"zlib_inflate"};
    static const std::vector<std::string_view> lz4 = {"LZ4_decompress_safe", "LZ4_decompress_safe_partial"};
    static const std::vector<Decompressor> all = {
        {"squashfs", "zstd", "CONFIG_SQUASHFS_ZSTD", {"zstd_decompress_stream", "ZSTD_decompressStream"}},
        {"squashfs", "gzip", "CONFIG_SQUASHFS_ZLIB", zlib},
        {"squashfs", "xz", "CONFIG_SQUASHFS_XZ", {"xz_dec_run"}},
        {"squashfs", "lz4", "CONFIG_SQUASHFS_LZ4", lz4},
        {"squashfs", "lzo", "CONFIG_SQUASHFS_LZO", {"lzo1x_decompress_safe"}},
        {"squashfs", "none", "CONFIG_SQUASHFS_ZLIB", zlib},
        {"squashfs", "seed", "CONFIG_SQUASHFS_ZLIB", zlib},
        {"erofs", "lz4hc", "CONFIG_EROFS_FS_ZIP", lz4},
        {"erofs", "lz4", "CONFIG_EROFS_FS_ZIP", lz4},
        {"erofs", "lzma", "CONFIG_EROFS_FS_ZIP_LZMA", {"xz_dec_microlzma_run"}},
        {"erofs", "none", "CONFIG_EROFS_FS", {}},
        {"ext4", "none", "CONFIG_EXT4_FS", {}},
    };
    return all;
}

std::optional<std::string> read_in(const fs::path& root, const fs::path& path) {
    Result<fs::path> file = file_of(root, path);
    Result<std::string> contents = file ? read_file(*file) : std::unexpected(file.error());
    return contents ? std::optional(*std::move(contents)) : std::nullopt;
}

/// Modules are plain or compressed.
std::string read_module(const fs::path& file) {
    std::string contents;
    std::unique_ptr<archive, decltype(&archive_read_free)> reader(archive_read_new(), archive_read_free);
    archive_read_support_format_raw(reader.get());
    archive_read_support_filter_gzip(reader.get());
    archive_read_support_filter_xz(reader.get());
    archive_read_support_filter_zstd(reader.get());
    archive_entry* entry = nullptr;
    constexpr size_t kLargest = 64 << 20;
    if (archive_read_open_filename(reader.get(), file.c_str(), 1 << 16) != ARCHIVE_OK
        || archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK)
        return contents;
    std::string buffer(1 << 16, '\0');
    for (la_ssize_t count = 0;
         contents.size() < kLargest
         && (count = archive_read_data(reader.get(), buffer.data(), buffer.size())) > 0;)
        contents.append(buffer, 0, static_cast<size_t>(count));
    return contents;
}

class Support {
  public:
    explicit Support(const Kernel& kernel) : kernel_(kernel) {
        for (const fs::path& place : {fs::path("boot") / ("config-" + kernel.version),
                                      kernel.modules / "config", kernel.modules / "build/.config"})
            if (!config_) config_ = read_in(kernel.root, place);
        builtin_ = read_in(kernel.root, kernel.modules / "modules.builtin");
        modules_ = read_in(kernel.root, kernel.modules / "modules.dep");
    }

    bool can_verify() const { return is_there({"", "CONFIG_DM_VERITY", "dm-verity.ko"}); }

    bool can_mount(const Decompressor& decompressor) {
        const FileSystem& file_system =
            *std::ranges::find(kFileSystems, decompressor.format, &FileSystem::format);
        return is_there(file_system) && can_decompress(file_system, decompressor);
    }

  private:
    /// 'y', 'm', or 'n', also for an option that is not there.
    char state_of(std::string_view option) const {
        std::string line = text("\n", option, "=");
        size_t at = ("\n" + *config_).find(line);
        return at == std::string::npos ? 'n' : (*config_)[at + line.size() - 1];
    }

    /// The module's place in the tree; empty: it is none.
    std::string module_file(const FileSystem& file_system) const {
        for (const std::string& line : split(modules_.value_or(""), '\n')) {
            std::string path = line.substr(0, line.find(':'));
            if (path.substr(path.rfind('/') + 1).starts_with(file_system.module)) return path;
        }
        return {};
    }

    bool is_there(const FileSystem& file_system) const {
        if (!modules_ || !module_file(file_system).empty()) return true;
        if (config_) return state_of(file_system.option) == 'y';
        return !builtin_ || builtin_->find(text("/", file_system.module)) != std::string::npos;
    }

    bool can_decompress(const FileSystem& file_system, const Decompressor& decompressor) {
        if (config_) return state_of(decompressor.option) != 'n';
        std::string path = module_file(file_system);
        if (path.empty() || decompressor.calls.empty()) return true;
        Result<fs::path> file = file_of(kernel_.root, kernel_.modules / path);
        if (!file) return true;
        std::string& module = read_modules_[path];
        if (module.empty()) module = read_module(*file);
        auto calls = [&](std::string_view function) { return module.find(function) != std::string::npos; };
        // Of a module that names no decompressor nothing is known.
        bool is_known = std::ranges::any_of(decompressors(), [&](const Decompressor& other) {
            return other.format == decompressor.format && std::ranges::any_of(other.calls, calls);
        });
        return !is_known || std::ranges::any_of(decompressor.calls, calls);
    }

    const Kernel& kernel_;
    std::optional<std::string> config_;
    std::optional<std::string> builtin_;
    std::optional<std::string> modules_;
    std::map<std::string, std::string> read_modules_;
};

std::string what_fits(Support& support) {
    std::vector<std::string> fitting;
    for (const FileSystem& file_system : kFileSystems) {
        std::vector<std::string> compressions;
        for (const Decompressor& decompressor : decompressors())
            if (decompressor.format == file_system.format && support.can_mount(decompressor))
                compressions.emplace_back(decompressor.compression);
        if (!compressions.empty())
            fitting.push_back(
                text("--format ", file_system.format, " --compression ", join(compressions, "|")));
    }
    return fitting.empty() ? "it can mount none of the formats" : "it can mount " + join(fitting, ", ");
}

} // namespace

Result<> check_kernel_support(const Kernel& kernel, const Packing& packing) {
    Support support(kernel);
    std::string compression = compression_of(packing);
    auto wanted = std::ranges::find_if(decompressors(), [&](const Decompressor& decompressor) {
        return decompressor.format == packing.format && decompressor.compression == compression;
    });
    if (wanted == decompressors().end() || support.can_mount(*wanted)) return {};
    return permanent_error("the kernel ", kernel.version, " cannot mount ", packing.format,
                           compression == "none" ? "" : " compressed with " + compression, " (",
                           wanted->option, "); ", what_fits(support));
}

bool can_verify(const Kernel& kernel) {
    return Support(kernel).can_verify();
}

} // namespace mangrove::head
