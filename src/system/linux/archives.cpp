#include "system/linux/archives.h"

#include <archive.h>
#include <archive_entry.h>
#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <sched.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "base/log.h"
#include "base/unique_fd.h"

// tar (ustar, pax, GNU), cpio (newc, odc) and the compressions gzip, xz and zstd, through libarchive.

namespace mangrove {

namespace {

constexpr size_t kBlockSize = 256 << 10;

struct ReaderDeleter {
    void operator()(archive* reader) const { ::archive_read_free(reader); }
};
struct WriterDeleter {
    void operator()(archive* writer) const { ::archive_write_free(writer); }
};
using Reader = std::unique_ptr<archive, ReaderDeleter>;
using Writer = std::unique_ptr<archive, WriterDeleter>;

/// A file that is read from its beginning to its end.
struct Source {
    enum class Memory { keep, give_back };
    UniqueFd file;
    Memory memory = Memory::keep;
    off_t position = 0;
    std::unique_ptr<char[]> buffer = std::make_unique<char[]>(kBlockSize);
};

la_ssize_t read_block(archive* reader, void* context, const void** block) {
    auto& source = *static_cast<Source*>(context);
    ssize_t size = ::read(source.file.get(), source.buffer.get(), kBlockSize);
    if (size < 0) {
        ::archive_set_error(reader, errno, "reading the file");
        return ARCHIVE_FATAL;
    }
    // Best effort: not every file system can do it, and then only memory is lost.
    if (source.memory == Source::Memory::give_back && size > 0)
        static_cast<void>(!::fallocate(source.file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                       source.position, size));
    source.position += size;
    *block = source.buffer.get();
    return size;
}

enum class Formats { raw, archives };

std::unexpected<Error> archive_error(archive* failed, std::string_view operation) {
    const char* said = ::archive_error_string(failed);
    int code = ::archive_errno(failed);
    if (code > 0) return system_error(code, operation, said ? text(": ", said) : "");
    return permanent_error(operation, ": ", said ? said : "no reason given");
}

Result<Source> open_source(const std::string& path, Source::Memory memory, const std::string& operation) {
    Source source;
    source.memory = memory;
    int mode = memory == Source::Memory::keep ? O_RDONLY : O_RDWR;
    source.file.reset(::open(path.c_str(), mode | O_CLOEXEC | O_NOFOLLOW));
    if (!source.file.is_open()) return system_error(errno, operation);
    return source;
}

/// `source` must stay where it is.
Result<Reader> open_reader(Source& source, Formats formats, const std::string& operation) {
    Reader reader(::archive_read_new());
    if (!reader) return system_error(ENOMEM, operation);
    ::archive_read_support_filter_gzip(reader.get());
    ::archive_read_support_filter_xz(reader.get());
    ::archive_read_support_filter_zstd(reader.get());
    if (formats == Formats::raw) {
        ::archive_read_support_format_raw(reader.get());
        ::archive_read_support_format_empty(reader.get());
    } else {
        ::archive_read_support_format_tar(reader.get());
        ::archive_read_support_format_cpio(reader.get());
    }
    if (::archive_read_open(reader.get(), &source, nullptr, read_block, nullptr) != ARCHIVE_OK)
        return archive_error(reader.get(), operation);
    return reader;
}

/// The one file that a compressed file holds. False when it is empty.
Result<bool> open_content(archive* reader, const std::string& operation) {
    archive_entry* entry = nullptr;
    int outcome = ::archive_read_next_header(reader, &entry);
    if (outcome == ARCHIVE_EOF) return false;
    if (outcome < ARCHIVE_WARN) return archive_error(reader, operation);
    return true;
}

Result<> copy_content(archive* reader, const UniqueFd& target, const std::string& operation) {
    auto buffer = std::make_unique<char[]>(kBlockSize);
    for (;;) {
        la_ssize_t size = ::archive_read_data(reader, buffer.get(), kBlockSize);
        if (size < 0) return archive_error(reader, operation);
        if (size == 0) return {};
        for (la_ssize_t written = 0; written < size;) {
            ssize_t count =
                ::write(target.get(), buffer.get() + written, static_cast<size_t>(size - written));
            if (count < 0 && errno != EINTR) return system_error(errno, operation);
            written += std::max<ssize_t>(count, 0);
        }
    }
}

/// The attributes that a file system does not take are left out; one line says so.
struct Tolerated {
    size_t count = 0;
    std::string first = {};

    void add(archive* writer, archive_entry* entry) {
        if (count++ > 0) return;
        const char* said = ::archive_error_string(writer);
        first = text(::archive_entry_pathname(entry), ": ", said ? said : "no reason given");
    }
};

Result<> copy_data(archive* reader, archive* writer, const std::string& operation) {
    for (;;) {
        const void* block = nullptr;
        size_t size = 0;
        la_int64_t offset = 0;
        int outcome = ::archive_read_data_block(reader, &block, &size, &offset);
        if (outcome == ARCHIVE_EOF) return {};
        if (outcome < ARCHIVE_WARN) return archive_error(reader, operation);
        // It calls a disk that is full a warning.
        if (::archive_write_data_block(writer, block, size, offset) < ARCHIVE_OK)
            return archive_error(writer, operation);
    }
}

Result<> copy_entries(archive* reader, archive* writer, const std::string& operation, Tolerated& tolerated) {
    for (;;) {
        archive_entry* entry = nullptr;
        int outcome = ::archive_read_next_header(reader, &entry);
        if (outcome == ARCHIVE_EOF) break;
        if (outcome < ARCHIVE_WARN) return archive_error(reader, operation);
        const char* name = ::archive_entry_pathname(entry);
        std::string member = text(operation, ": ", name ? name : "an unreadable name");
        outcome = ::archive_write_header(writer, entry);
        if (outcome < ARCHIVE_WARN) return archive_error(writer, member);
        if (outcome == ARCHIVE_WARN) tolerated.add(writer, entry);
        if (::archive_entry_size(entry) > 0) TRY(copy_data(reader, writer, member));
        outcome = ::archive_write_finish_entry(writer);
        if (outcome < ARCHIVE_WARN) return archive_error(writer, member);
        if (outcome == ARCHIVE_WARN) tolerated.add(writer, entry);
    }
    if (::archive_write_close(writer) < ARCHIVE_WARN) return archive_error(writer, operation);
    return {};
}

/// In a thread of its own, whose root is the directory: no name, link or ".." in the archive leads out of it,
/// and links inside of it mean what they will mean to the node.
Result<> unpack_here(archive* reader, const std::string& directory, const std::string& operation,
                     Tolerated& tolerated) {
    if (::unshare(CLONE_FS) != 0 || ::chroot(directory.c_str()) != 0 || ::chdir("/") != 0)
        return system_error(errno, operation, ": making ", directory, " the root");
    ::umask(0);
    Writer writer(::archive_write_disk_new());
    if (!writer) return system_error(ENOMEM, operation);
    ::archive_write_disk_set_options(
        writer.get(), ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME
                          | ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_UNLINK | ARCHIVE_EXTRACT_SECURE_NODOTDOT);
    return copy_entries(reader, writer.get(), operation, tolerated);
}

Result<> remove_file(const std::string& file, const std::string& operation) {
    if (::unlink(file.c_str()) != 0) return system_error(errno, operation, ": removing ", file);
    return {};
}

} // namespace

Result<Beginning> LinuxArchives::look_into(const std::string& file) {
    std::string operation = "looking into " + file;
    Source source = TRY(open_source(file, Source::Memory::keep, operation));
    Reader reader = TRY(open_reader(source, Formats::raw, operation));
    Beginning beginning;
    if (!TRY(open_content(reader.get(), operation))) return beginning;
    beginning.is_compressed = ::archive_filter_count(reader.get()) > 1;
    beginning.bytes.resize(2048);
    la_ssize_t size = ::archive_read_data(reader.get(), beginning.bytes.data(), beginning.bytes.size());
    if (size < 0) return archive_error(reader.get(), operation);
    beginning.bytes.resize(static_cast<size_t>(size));
    return beginning;
}

Result<> LinuxArchives::decompress(const std::string& file, const std::string& target) {
    std::string operation = "decompressing " + file;
    Source source = TRY(open_source(file, Source::Memory::give_back, operation));
    Reader reader = TRY(open_reader(source, Formats::raw, operation));
    UniqueFd output(::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!output.is_open()) return system_error(errno, operation, ": making ", target);
    if (TRY(open_content(reader.get(), operation))) TRY(copy_content(reader.get(), output, operation));
    return remove_file(file, operation);
}

Result<> LinuxArchives::unpack(const std::string& file, const std::string& directory) {
    std::string operation = "unpacking " + file;
    Source source = TRY(open_source(file, Source::Memory::give_back, operation));
    Reader reader = TRY(open_reader(source, Formats::archives, operation));
    Result<> unpacked;
    Tolerated tolerated;
    std::thread([&] { unpacked = unpack_here(reader.get(), directory, operation, tolerated); }).join();
    if (!unpacked) return unpacked;
    if (tolerated.count > 0)
        log_notice(
            operation, ": ", tolerated.count,
            tolerated.count == 1 ? " error, ignoring: " : " errors, ignoring, the first: ", tolerated.first);
    return remove_file(file, operation);
}

} // namespace mangrove
