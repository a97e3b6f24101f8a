#include "initramfs/archive.h"

#include <cstdio>
#include <zlib.h>
#include <zstd.h>

namespace mangrove {

void add_entry(ArchiveEntries& entries, const std::string& path, ArchiveEntry entry) {
    for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1))
        entries.try_emplace(path.substr(0, slash),
                            ArchiveEntry{.kind = ArchiveEntry::Kind::directory, .permissions = 0755});
    entries.insert_or_assign(path, std::move(entry));
}

static void append_record(std::string& archive, unsigned inode, const std::string& name,
                          const ArchiveEntry& entry) {
    constexpr unsigned kTypes[] = {0040000, 0100000, 0020000};
    unsigned mode = kTypes[static_cast<size_t>(entry.kind)] | entry.permissions;
    unsigned links = entry.kind == ArchiveEntry::Kind::directory ? 2 : 1;
    char header[128];
    std::snprintf(header, sizeof header, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode,
                  mode, 0u, 0u, links, 0u, static_cast<unsigned>(entry.contents.size()), 0u, 0u,
                  entry.device_major, entry.device_minor, static_cast<unsigned>(name.size() + 1), 0u);
    auto pad = [&] { archive.append((4 - archive.size() % 4) % 4, '\0'); };
    archive += header;
    archive += name;
    archive += '\0';
    pad();
    archive += entry.contents;
    pad();
}

std::string make_archive(const ArchiveEntries& entries) {
    std::string archive;
    unsigned inode = 0;
    for (const auto& [path, entry] : entries)
        append_record(archive, ++inode, path, entry);
    append_record(archive, 0, "TRAILER!!!", ArchiveEntry{.permissions = 0});
    return archive;
}

static Result<std::string> compress_with_zstd(const std::string& archive) {
    std::string compressed(ZSTD_compressBound(archive.size()), '\0');
    ZSTD_CCtx* context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 19);
    // The kernel's decoder allocates the window; 8 MiB holds what we make.
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 23);
    size_t size =
        ZSTD_compress2(context, compressed.data(), compressed.size(), archive.data(), archive.size());
    ZSTD_freeCCtx(context);
    if (ZSTD_isError(size)) return permanent_error("compressing with zstd: ", ZSTD_getErrorName(size));
    compressed.resize(size);
    return compressed;
}

static Result<std::string> compress_with_gzip(const std::string& archive) {
    z_stream stream = {};
    constexpr int kGzipHeader = 16; // without name and time: zlib writes zeros
    if (deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + kGzipHeader, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return permanent_error("compressing with gzip failed");
    std::string compressed(deflateBound(&stream, static_cast<uLong>(archive.size())), '\0');
    stream.next_in = const_cast<Bytef*>(as_bytes(archive).data());
    stream.avail_in = static_cast<uInt>(archive.size());
    stream.next_out = reinterpret_cast<Bytef*>(compressed.data());
    stream.avail_out = static_cast<uInt>(compressed.size());
    int outcome = deflate(&stream, Z_FINISH);
    compressed.resize(stream.total_out);
    deflateEnd(&stream);
    if (outcome != Z_STREAM_END) return permanent_error("compressing with gzip failed");
    return compressed;
}

Result<std::string> compress_archive(const std::string& archive, Compression compression) {
    return compression == Compression::zstd ? compress_with_zstd(archive) : compress_with_gzip(archive);
}

} // namespace mangrove
