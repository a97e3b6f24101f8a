/// Image files that are brought into a target's directory; compressed ones are unpacked by libarchive's
/// filters, chosen by the name's ending: an image may begin with any bytes.

#include <algorithm>
#include <archive.h>
#include <archive_entry.h>
#include <cerrno>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "head/host/files.h"
#include "head/target/lun_files.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t kBlock = 512;

using Reader = std::unique_ptr<archive, decltype(&archive_read_free)>;
/// Of the contents, in order; false: no more is wanted.
using TakePiece = std::function<Result<bool>(std::string_view piece)>;

struct Compression {
    std::string_view ending;
    int (*support)(archive* reader);
};

constexpr Compression kCompressions[] = {{".gz", archive_read_support_filter_gzip},
                                         {".xz", archive_read_support_filter_xz},
                                         {".zst", archive_read_support_filter_zstd}};

const Compression* compression_of(const fs::path& source) {
    const auto* found = std::ranges::find(kCompressions, source.extension().native(), &Compression::ending);
    return found == std::end(kCompressions) ? nullptr : found;
}

Result<> read_unpacked(const fs::path& source, const Compression* compression, const TakePiece& take,
                       Progress& progress) {
    Reader reader(archive_read_new(), archive_read_free);
    archive_read_support_format_raw(reader.get());
    if (compression) compression->support(reader.get());
    auto failed = [&] {
        const char* said = archive_error_string(reader.get());
        return permanent_error("reading ", source.native(), ": ", said ? said : "unknown error");
    };
    if (archive_read_open_filename(reader.get(), source.c_str(), 1 << 20) != ARCHIVE_OK) return failed();
    archive_entry* entry = nullptr;
    int outcome = archive_read_next_header(reader.get(), &entry);
    if (outcome != ARCHIVE_OK) return failed();
    if (compression && archive_filter_count(reader.get()) < 2)
        return permanent_error(source.native(), " is not what its name says (", compression->ending, ")");
    std::string buffer(1 << 20, '\0');
    for (int64_t told = 0;;) {
        la_ssize_t count = archive_read_data(reader.get(), buffer.data(), buffer.size());
        if (count < 0) return failed();
        if (count == 0) return {};
        int64_t read = archive_filter_bytes(reader.get(), -1);
        if (read > told) progress.advance(static_cast<uint64_t>(read - std::exchange(told, read)));
        if (!TRY(take(std::string_view(buffer.data(), static_cast<size_t>(count))))) return {};
    }
}

bool is_zero(std::string_view piece) {
    return piece.find_first_not_of('\0') == std::string_view::npos;
}

Result<UniqueFd> open_file(const fs::path& path, int flags) {
    UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC));
    if (!fd.is_open()) return system_error(errno, "opening ", path.native());
    return fd;
}

/// Whether the file has these bytes there; with it, `at` moves on.
bool has_at(int fd, std::string_view piece, uint64_t& at) {
    std::string there(piece.size(), '\0');
    for (size_t done = 0; done < piece.size();) {
        ssize_t count = ::pread(fd, there.data() + done, piece.size() - done, static_cast<off_t>(at + done));
        if (count <= 0) return false;
        done += static_cast<size_t>(count);
    }
    at += piece.size();
    return there == piece;
}

uint64_t whole_blocks(uint64_t contents, uint64_t size) {
    return std::max((contents + kBlock - 1) / kBlock * kBlock, size);
}

Result<bool> is_identical(const fs::path& source, const Compression* compression, const fs::path& file,
                          uint64_t size, Progress& progress) {
    LongWork work(progress, "comparing with " + file.native(), size_of_file(source));
    UniqueFd fd = TRY(open_file(file, O_RDONLY));
    uint64_t at = 0;
    bool same = true;
    auto compare = [&](std::string_view piece) -> Result<bool> { return same = has_at(fd.get(), piece, at); };
    TRY(read_unpacked(source, compression, compare, progress));
    struct stat status = {};
    if (::fstat(fd.get(), &status) != 0) return system_error(errno, "reading ", file.native());
    if (!same || static_cast<uint64_t>(status.st_size) != whole_blocks(at, size)) return false;
    const std::string zeros(1 << 20, '\0');
    for (auto end = static_cast<uint64_t>(status.st_size); same && at < end;)
        same = has_at(fd.get(), std::string_view(zeros).substr(0, std::min<uint64_t>(end - at, zeros.size())),
                      at);
    return same;
}

/// Zeros stay holes, a block at a time.
Result<> write_pieces(const fs::path& source, const Compression* compression, int fd, const fs::path& file,
                      uint64_t& at, Progress& progress) {
    constexpr size_t kHole = 65536;
    auto write = [&](std::string_view piece) -> Result<bool> {
        while (!piece.empty()) {
            std::string_view part = piece.substr(0, kHole);
            ssize_t count = static_cast<ssize_t>(part.size());
            if (!is_zero(part)) count = ::pwrite(fd, part.data(), part.size(), static_cast<off_t>(at));
            if (count <= 0) return system_error(count < 0 ? errno : EIO, "writing ", file.native());
            at += static_cast<uint64_t>(count);
            piece.remove_prefix(static_cast<size_t>(count));
        }
        return true;
    };
    return read_unpacked(source, compression, write, progress);
}

Result<> fill(const fs::path& source, const Compression* compression, int fd, const fs::path& file,
              uint64_t size, Progress& progress) {
    LongWork work(progress, "copying to " + file.native(), size_of_file(source));
    uint64_t at = 0;
    TRY(compression ? write_pieces(source, compression, fd, file, at, progress)
                    : clone_into(source, fd, progress));
    struct stat status = {};
    if (!compression && ::fstat(fd, &status) == 0) at = static_cast<uint64_t>(status.st_size);
    if (::ftruncate(fd, static_cast<off_t>(whole_blocks(at, size))) != 0)
        return system_error(errno, "writing ", file.native());
    return {};
}

} // namespace

Result<Upload> upload_file(const fs::path& source, const fs::path& file, uint64_t size, Replacing replacing,
                           Progress& progress) {
    std::optional<NewFile> copy = TRY(prepare_upload(source, file, size, replacing, progress));
    if (!copy) return Upload::identical;
    TRY(copy->put_in_place());
    return Upload::copied;
}

Result<std::optional<NewFile>> prepare_upload(const fs::path& source, const fs::path& file, uint64_t size,
                                              Replacing replacing, Progress& progress) {
    struct stat status = {};
    if (::stat(source.c_str(), &status) != 0) return system_error(errno, "reading ", source.native());
    if (!S_ISREG(status.st_mode)) return permanent_error(source.native(), " is not a file");
    if (status.st_size == 0) return permanent_error(source.native(), " is empty");
    const Compression* compression = compression_of(source);
    std::error_code problem;
    bool is_there = fs::exists(file, problem);
    if (is_there && !fs::is_regular_file(file, problem))
        return permanent_error(file.native(), " is not a file");
    if (is_there && TRY(is_identical(source, compression, file, size, progress))) return std::nullopt;
    if (is_there && replacing == Replacing::refused)
        return permanent_error(file.native(), " has other contents, and it is served");
    NewFile made = TRY(NewFile::create(file, 0600));
    TRY(fill(source, compression, made.fd(), file, size, progress));
    return made;
}

} // namespace mangrove::head
