#include "head/image/boot_ranges.h"

#include <algorithm>
#include <memory>
#include <sqfs/block.h>
#include <sqfs/compressor.h>
#include <sqfs/dir_reader.h>
#include <sqfs/error.h>
#include <sqfs/frag_table.h>
#include <sqfs/inode.h>
#include <sqfs/io.h>
#include <sqfs/super.h>

namespace mangrove::head {

namespace {

struct Destroy {
    template <typename Object>
    void operator()(Object* object) const {
        ::sqfs_destroy(object);
    }
    void operator()(sqfs_inode_generic_t* inode) const { ::sqfs_free(inode); }
};
template <typename Object>
using Owned = std::unique_ptr<Object, Destroy>;

struct Squashfs {
    Owned<sqfs_file_t> file;
    sqfs_super_t super = {};
    Owned<sqfs_compressor_t> compressor;
    Owned<sqfs_frag_table_t> fragments;
    Owned<sqfs_dir_reader_t> directories;
};

Result<> check(int outcome, std::string_view doing) {
    if (outcome == 0) return {};
    return permanent_error(doing, ": ", outcome == SQFS_ERROR_ALLOC ? "out of memory" : "invalid squashfs",
                           " (libsquashfs: ", outcome, ")");
}

Result<Squashfs> open(const std::filesystem::path& path) {
    Squashfs image;
    image.file.reset(::sqfs_open_file(path.c_str(), SQFS_FILE_OPEN_READ_ONLY));
    if (!image.file) return permanent_error(path.native(), ": cannot be opened");
    TRY(check(::sqfs_super_read(&image.super, image.file.get()), path.native()));
    sqfs_compressor_config_t wanted;
    TRY(check(::sqfs_compressor_config_init(&wanted, static_cast<SQFS_COMPRESSOR>(image.super.compression_id),
                                            image.super.block_size, SQFS_COMP_FLAG_UNCOMPRESS),
              path.native()));
    sqfs_compressor_t* compressor = nullptr;
    TRY(check(::sqfs_compressor_create(&wanted, &compressor), path.native()));
    image.compressor.reset(compressor);
    image.fragments.reset(::sqfs_frag_table_create(0));
    image.directories.reset(
        ::sqfs_dir_reader_create(&image.super, image.compressor.get(), image.file.get(), 0));
    if (!image.fragments || !image.directories) return permanent_error(path.native(), ": out of memory");
    TRY(check(
        ::sqfs_frag_table_read(image.fragments.get(), image.file.get(), &image.super, image.compressor.get()),
        path.native()));
    return image;
}

bool has_part_in(const ProfiledFile& file, uint64_t begin, uint64_t end) {
    return std::ranges::any_of(file.ranges, [&](const ReadRange& range) {
        return range.offset < end && begin < range.offset + range.size;
    });
}

void add(std::vector<ReadRange>& ranges, uint64_t offset, uint32_t size) {
    if (!SQFS_IS_SPARSE_BLOCK(size)) ranges.push_back({offset, SQFS_ON_DISK_BLOCK_SIZE(size)});
}

void add_blocks(const Squashfs& image, const sqfs_inode_generic_t& inode, const ProfiledFile& file,
                std::vector<ReadRange>& ranges) {
    uint64_t at = 0;
    if (::sqfs_inode_get_file_block_start(&inode, &at) != 0) return; // it is not a regular file
    uint64_t block_size = image.super.block_size;
    size_t blocks = ::sqfs_inode_get_file_block_count(&inode);
    for (size_t block = 0; block < blocks; ++block) {
        uint32_t size = inode.extra[block];
        if (has_part_in(file, block * block_size, (block + 1) * block_size)) add(ranges, at, size);
        at += SQFS_ON_DISK_BLOCK_SIZE(size);
    }
    sqfs_u32 index = 0;
    sqfs_u32 inside = 0;
    sqfs_fragment_t fragment;
    bool has_fragment = ::sqfs_inode_get_frag_location(&inode, &index, &inside) == 0 && index != UINT32_MAX
                        && ::sqfs_frag_table_lookup(image.fragments.get(), index, &fragment) == 0;
    if (has_fragment && has_part_in(file, blocks * block_size, UINT64_MAX))
        add(ranges, fragment.start_offset, fragment.size);
}

std::vector<ReadRange> merged(std::vector<ReadRange> ranges, uint64_t gap) {
    std::ranges::sort(ranges, {}, &ReadRange::offset);
    std::vector<ReadRange> few;
    for (const ReadRange& range : ranges) {
        bool is_near = !few.empty() && range.offset <= few.back().offset + few.back().size + gap;
        if (!is_near) {
            few.push_back(range);
            continue;
        }
        uint64_t end = std::max(few.back().offset + few.back().size, range.offset + range.size);
        few.back().size = end - few.back().offset;
    }
    return few;
}

} // namespace

Result<std::vector<ReadRange>> boot_ranges(const std::filesystem::path& squashfs,
                                           const BootProfile& profile) {
    constexpr size_t kMostRanges = 64;
    Squashfs image = TRY(open(squashfs));
    uint64_t tables = image.super.inode_table_start;
    std::vector<ReadRange> ranges = {{0, sizeof(sqfs_super_t)}, {tables, image.super.bytes_used - tables}};
    for (const ProfiledFile& file : profile.files) {
        sqfs_inode_generic_t* found = nullptr;
        if (::sqfs_dir_reader_find_by_path(image.directories.get(), nullptr, file.path.c_str(), &found) != 0)
            continue;
        Owned<sqfs_inode_generic_t> inode(found);
        add_blocks(image, *inode, file, ranges);
    }
    uint64_t gap = 16 << 10; // a piece of the node's
    std::vector<ReadRange> few = merged(std::move(ranges), gap);
    while (few.size() > kMostRanges)
        few = merged(std::move(few), gap *= 2);
    return few;
}

} // namespace mangrove::head
