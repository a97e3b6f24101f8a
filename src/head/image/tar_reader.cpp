/// Two readers of libarchive: one takes the compression off, the other one reads the tar. Between them the
/// bytes can be counted, hashed and looked at.

#include "head/image/tar_reader.h"

#include <algorithm>
#include <archive.h>
#include <archive_entry.h>
#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace mangrove::head {

namespace {

constexpr size_t kRecord = 512;

/// Without those for which libarchive starts another program (lrzip, lzop, grzip).
void support_compressions(archive* reader) {
    archive_read_support_filter_gzip(reader);
    archive_read_support_filter_bzip2(reader);
    archive_read_support_filter_compress(reader);
    archive_read_support_filter_xz(reader);
    archive_read_support_filter_lzma(reader);
    archive_read_support_filter_lzip(reader);
    archive_read_support_filter_zstd(reader);
    archive_read_support_filter_lz4(reader);
}

/// "18 path=etc/x\n", one upon the other (POSIX.1-2017, pax, "pax Extended Header").
std::optional<std::string> pax_value(std::string_view records, std::string_view key) {
    std::optional<std::string> value;
    while (!records.empty()) {
        size_t blank = records.find(' ');
        uint64_t length = parse_number(records.substr(0, blank)).value_or(0);
        if (blank == std::string_view::npos || length <= blank + 1 || length > records.size()) return value;
        std::string_view record = records.substr(blank + 1, length - blank - 2);
        if (record.starts_with(key) && record.substr(key.size()).starts_with("="))
            value = record.substr(key.size() + 1);
        records.remove_prefix(length);
    }
    return value;
}

uint64_t size_in(std::string_view header) {
    std::string_view field = header.substr(124, 11);
    return parse_number(field.substr(0, field.find_first_of(std::string_view(" \0", 2))), 8).value_or(0);
}

} // namespace

std::string plain_start(int file, size_t size) {
    std::unique_ptr<archive, decltype(&archive_read_free)> reader(archive_read_new(), archive_read_free);
    support_compressions(reader.get());
    archive_read_support_format_raw(reader.get());
    archive_entry* all = nullptr;
    if (::lseek(file, 0, SEEK_SET) != 0 || archive_read_open_fd(reader.get(), file, 1 << 16) != ARCHIVE_OK
        || archive_read_next_header(reader.get(), &all) < ARCHIVE_WARN)
        return {};
    std::string start(size, '\0');
    la_ssize_t count = archive_read_data(reader.get(), start.data(), size);
    start.resize(static_cast<size_t>(std::max<la_ssize_t>(count, 0)));
    return start;
}

void TarReader::Free::operator()(archive* reader) const {
    archive_read_free(reader);
}

std::unexpected<Error> TarReader::error_of(archive* failed) const {
    const char* said = archive_error_string(failed);
    return permanent_error("reading ", name_, ": ", said ? said : "unknown error");
}

Result<std::unique_ptr<TarReader>> TarReader::open(int file, const std::string& name, uint64_t most_bytes,
                                                   LeftOut& left_out, Advance advance) {
    std::unique_ptr<TarReader> self(new TarReader(name, most_bytes, left_out, std::move(advance)));
    if (::lseek(file, 0, SEEK_SET) != 0) return system_error(errno, "reading ", name);
    self->decompressor_.reset(archive_read_new());
    archive* decompressor = self->decompressor_.get();
    support_compressions(decompressor);
    archive_read_support_format_raw(decompressor);
    archive_entry* all = nullptr;
    if (archive_read_open_fd(decompressor, file, 1 << 20) != ARCHIVE_OK
        || archive_read_next_header(decompressor, &all) < ARCHIVE_WARN)
        return self->error_of(decompressor);
    self->reader_.reset(archive_read_new());
    archive_read_support_format_tar(self->reader_.get());
    if (archive_read_open(self->reader_.get(), self.get(), nullptr, give, nullptr) != ARCHIVE_OK)
        return self->error_of(self->reader_.get());
    return self;
}

void TarReader::tell() {
    int64_t read = archive_filter_bytes(decompressor_.get(), -1);
    if (advance_ && read > told_) advance_(static_cast<uint64_t>(read - told_));
    told_ = std::max(told_, read);
}

ssize_t TarReader::give(archive* to, void* context, const void** block) {
    auto& self = *static_cast<TarReader*>(context);
    archive* from = self.decompressor_.get();
    size_t size = 0;
    for (int64_t offset = 0; size == 0;) {
        int outcome = archive_read_data_block(from, block, &size, &offset);
        if (outcome == ARCHIVE_EOF) return 0;
        if (outcome >= ARCHIVE_WARN) continue;
        const char* said = archive_error_string(from);
        archive_set_error(to, archive_errno(from), "%s", said ? said : "unknown error");
        return ARCHIVE_FATAL;
    }
    self.tell();
    std::string_view piece(static_cast<const char*>(*block), size);
    self.position_ += size;
    if (self.position_ > self.most_bytes_) {
        std::string problem =
            text("it unpacks to more than ", self.most_bytes_, " bytes; raise the limit with --max-size");
        archive_set_error(to, EFBIG, "%s", problem.c_str());
        return ARCHIVE_FATAL;
    }
    self.digest_.add(piece);
    if (self.phase_ == Phase::contents) self.recent_.clear();
    self.recent_ += piece;
    self.last_size_ = size;
    return static_cast<ssize_t>(size);
}

Result<archive_entry*> TarReader::next() {
    archive* reader = reader_.get();
    if (phase_ == Phase::contents) archive_read_data_skip(reader);
    phase_ = Phase::header;
    recent_.erase(0, recent_.size() - last_size_);
    archive_entry* entry = nullptr;
    int outcome = archive_read_next_header(reader, &entry);
    if (outcome == ARCHIVE_EOF) return nullptr;
    if (outcome < ARCHIVE_WARN) return error_of(reader);
    if (outcome == ARCHIVE_WARN || !archive_entry_pathname(entry)) restore_names(entry);
    if (outcome == ARCHIVE_WARN) {
        std::string said = archive_error_string(reader) ? archive_error_string(reader) : "unknown warning";
        // It means names, which are back, and those of users, which do not matter.
        if (said.find("can't be converted") == std::string::npos)
            left_out_.add(text(said, ", of ",
                               archive_entry_pathname(entry) ? archive_entry_pathname(entry) : "a file"));
    }
    phase_ = Phase::contents;
    return entry;
}

std::string_view TarReader::plain_bytes(uint64_t position, size_t size) const {
    uint64_t start = position_ - recent_.size();
    if (position < start || position + size > position_) return {};
    return std::string_view(recent_).substr(position - start, size);
}

/// libarchive takes names in pax headers for UTF-8 and replaces what is not.
void TarReader::restore_names(archive_entry* entry) const {
    auto position = static_cast<uint64_t>(archive_read_header_position(reader_.get()));
    for (;;) {
        std::string_view header = plain_bytes(position, kRecord);
        if (header.empty() || std::strchr("xgLKX", header[156]) == nullptr || header[156] == '\0') return;
        uint64_t size = size_in(header);
        std::string_view records = plain_bytes(position + kRecord, size);
        if (header[156] == 'x') {
            std::optional<std::string> name = pax_value(records, "GNU.sparse.name");
            if (!name) name = pax_value(records, "path");
            if (name) archive_entry_set_pathname(entry, name->c_str());
            std::optional<std::string> link = pax_value(records, "linkpath");
            if (link && archive_entry_hardlink(entry)) archive_entry_set_hardlink(entry, link->c_str());
            if (link && archive_entry_filetype(entry) == AE_IFLNK)
                archive_entry_set_symlink(entry, link->c_str());
        }
        position += kRecord + (size + kRecord - 1) / kRecord * kRecord;
    }
}

Result<std::optional<TarReader::Block>> TarReader::read() {
    const void* data = nullptr;
    size_t size = 0;
    int64_t offset = 0;
    int outcome = archive_read_data_block(reader_.get(), &data, &size, &offset);
    if (outcome == ARCHIVE_EOF) return std::nullopt;
    if (outcome < ARCHIVE_WARN) return error_of(reader_.get());
    return Block{{static_cast<const char*>(data), size}, static_cast<uint64_t>(offset)};
}

Result<std::string> TarReader::finish() {
    phase_ = Phase::contents;
    for (const void* block = nullptr;;) {
        ssize_t size = give(reader_.get(), this, &block);
        if (size < 0) return error_of(reader_.get());
        if (size == 0) return digest_.finish();
    }
}

} // namespace mangrove::head
