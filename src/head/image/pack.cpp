#include "head/image/pack.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

#include "head/host/files.h"
#include "head/host/program.h"
#include "head/host/uuid.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t kBlock = 4096;

uint64_t in_blocks(uint64_t bytes) {
    return (bytes + kBlock - 1) / kBlock;
}

/// Returns the blocks that mke2fs will copy of a file: all but holes.
uint64_t data_blocks(const fs::path& path) {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
    uint64_t blocks = 0;
    for (off_t data = 0; (data = ::lseek(fd.get(), data, SEEK_DATA)) >= 0;) {
        off_t hole = ::lseek(fd.get(), data, SEEK_HOLE);
        blocks += in_blocks(static_cast<uint64_t>(hole - data));
        data = hole;
    }
    return blocks;
}

/// A directory of ext4 with its entries. Its size on the host is that of another file system, or of more
/// entries that it once had.
uint64_t directory_blocks(const fs::path& path) {
    std::error_code ignored;
    uint64_t bytes = 24; // "." and ".."
    for (fs::directory_iterator entry(path, ignored), end; !ignored && entry != end; entry.increment(ignored))
        bytes += 8 + (entry->path().filename().native().size() + 3) / 4 * 4;
    return in_blocks(bytes + bytes / 8); // no entry lies in two blocks
}

struct TreeSize {
    uint64_t files = 1;
    uint64_t blocks = 0;
    time_t newest = 0;
};

Result<TreeSize> measure(const fs::path& tree) {
    TreeSize total;
    total.blocks = directory_blocks(tree);
    std::error_code problem;
    fs::recursive_directory_iterator entry(tree, problem);
    for (; !problem && entry != fs::recursive_directory_iterator(); entry.increment(problem)) {
        struct stat status = {};
        if (::lstat(entry->path().c_str(), &status) != 0)
            return system_error(errno, "reading ", entry->path().native());
        ++total.files;
        total.newest = std::max(total.newest, status.st_mtime);
        if (S_ISREG(status.st_mode))
            total.blocks += data_blocks(entry->path());
        else if (S_ISDIR(status.st_mode))
            total.blocks += 1 + directory_blocks(entry->path());
        else
            total.blocks += 1 + in_blocks(static_cast<uint64_t>(status.st_size));
    }
    if (problem) return system_error(problem.value(), "reading the tree ", tree.native());
    return total;
}

/// Of its files, each once.
uint64_t bytes_in(const fs::path& tree) {
    uint64_t bytes = 0;
    std::set<std::pair<dev_t, ino_t>> linked;
    std::error_code ignored;
    for (fs::recursive_directory_iterator entry(tree, ignored), end; !ignored && entry != end;
         entry.increment(ignored)) {
        struct stat status = {};
        if (::lstat(entry->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
        if (status.st_nlink > 1 && !linked.emplace(status.st_dev, status.st_ino).second) continue;
        bytes += static_cast<uint64_t>(status.st_size);
    }
    return bytes;
}

Result<> run_packer(Program program, Progress& progress) {
    program.reads = Reads::are_counted;
    TRY(run_program(program, progress));
    return {};
}

struct Compressor {
    std::string name;
    std::string level; ///< empty: its default
};

Compressor compressor_of(const Packing& packing) {
    std::string_view standard = packing.format == "squashfs" ? "zstd"
                                : packing.format == "erofs"  ? "lz4hc"
                                                             : "none";
    std::vector<std::string> parts = split(packing.compression.empty() ? standard : packing.compression, ':');
    return {parts[0], parts.size() > 1 ? parts[1] : ""};
}

/// mksquashfs knows how from 4.6 on.
Result<> leave_labels_out(std::vector<std::string>& words, Progress& progress) {
    Result<std::string> help = run_program({{"mksquashfs", "-help"}, "squashfs-tools"});
    const std::string& said = help ? *help : help.error().what;
    if (said.find("-xattrs-exclude") != std::string::npos)
        words.insert(words.end(), {"-xattrs-exclude", "^security.selinux$"});
    else
        progress.warn(
            "mksquashfs before 4.6 packs the SELinux labels of this machine; --format erofs or ext4 "
            "leaves them out");
    return {};
}

constexpr uint64_t kSmallestBlock = 4096;
constexpr uint64_t kLargestBlock = 1 << 20;

/// Names the files that the boot reads first, and the size of blocks.
Result<> lay_out(std::vector<std::string>& words, const fs::path& tree, const fs::path& list,
                 const Packing& packing) {
    constexpr uint64_t kBlockOfProfile = 64 << 10;
    uint64_t block_size = packing.block_size;
    if (block_size == 0 && packing.profile) block_size = kBlockOfProfile;
    if (block_size > 0) words.insert(words.end(), {"-b", text(block_size)});
    if (!packing.profile) return {};
    TRY(write_file(list, TRY(sort_list(*packing.profile, tree))));
    words.insert(words.end(), {"-sort", list});
    return {};
}

Result<> pack_squashfs(const fs::path& tree, const fs::path& file, const Packing& packing,
                       Progress& progress) {
    Compressor compressor = compressor_of(packing);
    std::vector<std::string> words = {"mksquashfs",     tree,     file,          "-noappend", "-reproducible",
                                      "-exit-on-error", "-quiet", "-no-progress"};
    if (compressor.name == "none")
        words.insert(words.end(), {"-noI", "-noD", "-noF", "-noX"});
    else if (compressor.name == "seed")
        words.insert(words.end(), {"-noI", "-noX"});
    else
        words.insert(words.end(), {"-comp", compressor.name});
    if (!compressor.level.empty()) words.insert(words.end(), {"-Xcompression-level", compressor.level});
    if (packing.labels == Labels::of_host) TRY(leave_labels_out(words, progress));
    // It takes the variable, and then holds all times to it, or the option, and then keeps them.
    std::vector<std::string> environment;
    if (packing.epoch)
        environment.push_back(text("SOURCE_DATE_EPOCH=", *packing.epoch));
    else
        words.insert(words.end(), {"-mkfs-time", "0"});
    fs::path list = file.native() + ".sort";
    TRY(lay_out(words, tree, list, packing), "laying the image out by the profile");
    Result<> packed = run_packer({words, "squashfs-tools", environment}, progress);
    std::error_code ignored;
    fs::remove(list, ignored);
    return packed;
}

/// In mkfs.erofs 1.5 a file whose time is the clock's is stored without it.
void leave_second(time_t second) {
    while (::time(nullptr) == second)
        ::usleep(20000);
}

Result<> pack_erofs(const fs::path& tree, const fs::path& file, const Packing& packing, Progress& progress) {
    Compressor compressor = compressor_of(packing);
    std::vector<std::string> words = {"mkfs.erofs", "--quiet", "-U", uuid_from(packing.seed)};
    if (compressor.name != "none")
        words.push_back(text("-z", compressor.name, compressor.level.empty() ? "" : ",", compressor.level));
    if (packing.epoch) words.push_back(text("-T", *packing.epoch));
    // Without an entry for a file it gets no label, whichever it has here.
    if (packing.labels == Labels::of_host) words.emplace_back("--file-contexts=/dev/null");
    words.insert(words.end(), {file, tree});
    TreeSize size = TRY(measure(tree));
    leave_second(size.newest);
    TRY(run_packer({words, "erofs-utils"}, progress));
    return normalize_erofs_time(file, packing.epoch.value_or(0));
}

/// Images are mounted read-only; a journal would be so many zeros. The features are those of Linux 3.18, and
/// not those of the host's mke2fs.conf, which an older kernel of the image need not know.
constexpr const char* kExt4Features =
    "none,ext_attr,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,"
    "huge_file,dir_nlink,extra_isize,metadata_csum";

std::vector<std::string> mke2fs_words(const Packing& packing, uint64_t inodes) {
    std::string uuid = uuid_from(packing.seed);
    std::vector<std::string> words = {"mke2fs", "-F", "-q", "-t", "ext4", "-b", text(kBlock), "-I", "256"};
    words.insert(words.end(), {"-m", "0", "-L", "root", "-O", kExt4Features, "-U", uuid});
    words.insert(words.end(), {"-E", text("hash_seed=", uuid, ",lazy_itable_init=0,nodiscard")});
    words.insert(words.end(), {"-N", text(inodes)});
    return words;
}

Result<> pack_ext4(const fs::path& tree, const fs::path& file, const Packing& packing, Progress& progress) {
    TreeSize tree_size = TRY(measure(tree));
    uint64_t inodes = tree_size.files + tree_size.files / 20 + 64;
    uint64_t needed = tree_size.blocks + inodes / 16; // of 256 bytes
    needed = (needed + needed / 20) * kBlock + (8 << 20);
    uint64_t size = packing.size > 0 ? packing.size : needed;
    UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!fd.is_open() || ::ftruncate(fd.get(), static_cast<off_t>(size)) != 0)
        return system_error(errno, "making ", file.native());
    // lost+found is made with the clock's time, like the superblock.
    std::string time = text("E2FSPROGS_FAKE_TIME=", std::max<uint64_t>(packing.epoch.value_or(1), 1));
    std::vector<std::string> words = mke2fs_words(packing, inodes);
    words.insert(words.end(), {"-d", tree, file, text(size / kBlock)});
    Result<> packed = run_packer({words, "e2fsprogs", {time}}, progress);
    if (!packed && size < needed)
        return permanent_error("the tree needs about ", needed >> 20, " MiB and --size gives ", size >> 20);
    TRY(std::move(packed));
    return normalize_ext4(tree, file, packing.epoch, packing.labels);
}

struct Format {
    std::string_view name;
    std::vector<std::string> compressions;
    Result<> (*pack)(const fs::path& tree, const fs::path& file, const Packing& packing, Progress& progress);
};

const std::vector<Format>& formats() {
    static const std::vector<Format> all = {
        {"squashfs", {"zstd", "gzip", "xz", "lz4", "lzo", "none", "seed"}, pack_squashfs},
        {"erofs", {"lz4hc", "lz4", "lzma", "none"}, pack_erofs},
        {"ext4", {"none"}, pack_ext4},
    };
    return all;
}

Result<const Format*> find_format(const std::string& name) {
    std::vector<std::string> names;
    for (const Format& format : formats()) {
        if (format.name == name) return &format;
        names.emplace_back(format.name);
    }
    return permanent_error("unknown format '", name, "'", did_you_mean(name, names), "; there are ",
                           join(names, ", "));
}

} // namespace

static Result<> check_layout(const Packing& packing) {
    bool is_squashfs = packing.format == "squashfs";
    if (packing.profile && !is_squashfs)
        return permanent_error("--profile is for squashfs; ", packing.format, " cannot be laid out by one");
    if (packing.block_size > 0 && !is_squashfs)
        return permanent_error("--block-size is for squashfs; ", packing.format, " has its own");
    uint64_t size = packing.block_size;
    if (size > 0 && (!std::has_single_bit(size) || size < kSmallestBlock || size > kLargestBlock))
        return permanent_error("--block-size: ", size, " is not a power of two from 4K to 1M");
    return {};
}

std::string uuid_from(const std::string& seed) {
    std::string digits = digest_of_text("mangrove image " + seed);
    digits[12] = '8';
    digits[16] = 'a';
    return uuid_from_digits(digits);
}

std::string compression_of(const Packing& packing) {
    return compressor_of(packing).name;
}

Result<> check_packing(const Packing& packing) {
    const Format* format = TRY(find_format(packing.format));
    if (packing.size > 0 && packing.format != "ext4")
        return permanent_error("--size is for ext4; ", packing.format, " is as large as what is in it");
    TRY(check_layout(packing));
    if (packing.compression.empty()) return {};
    Compressor compressor = compressor_of(packing);
    if (std::ranges::find(format->compressions, compressor.name) == format->compressions.end())
        return permanent_error(format->name, " cannot be compressed with '", compressor.name, "'",
                               did_you_mean(compressor.name, format->compressions), "; there are ",
                               join(format->compressions, ", "));
    if (compressor.level.empty()) return {};
    for (const char* name : {"xz", "lz4", "none"})
        if (compressor.name == name) return permanent_error("--compression: ", name, " has no levels");
    if (!parse_number(compressor.level))
        return permanent_error("the level of compression '", compressor.level, "' is not a number");
    return {};
}

Result<> pack(const fs::path& tree, const fs::path& file, const Packing& packing, Progress& progress) {
    const Format* format = TRY(find_format(packing.format));
    LongWork work(progress, "packing as " + packing.format, bytes_in(tree));
    TRY(format->pack(tree, file, packing, progress), "packing ", tree.native(), " as ", packing.format);
    return {};
}

} // namespace mangrove::head
