/// Reads tars with libarchive and writes their entries with its archive_write_disk(3). Whiteouts follow the
/// OCI image specification, "Image Layer Filesystem Changeset". Names are resolved by openat2(2) with
/// RESOLVE_IN_ROOT, for in an upper layer `lib/x` may lead through a link that a lower layer made.

#include "ctl/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <cerrno>
#include <clocale>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/resolve_in_root.h"
#include "ctl/files.h"

namespace mangrove::ctl {

namespace fs = std::filesystem;

namespace {

using Reader = std::unique_ptr<archive, decltype(&archive_read_free)>;
using Writer = std::unique_ptr<archive, decltype(&archive_write_free)>;

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";

std::unexpected<Error> archive_error(archive* failed, std::string_view what) {
    const char* said = archive_error_string(failed);
    // Of a disk that is full it says "Write failed" alone. EILSEQ is its own, of a format that is wrong.
    int number = archive_errno(failed);
    if (number > 0 && number != EILSEQ)
        return system_error(number, what, ": ", said ? said : "unknown error");
    return permanent_error(what, ": ", said ? said : "unknown error");
}

Result<Reader> open_tar(const fs::path& tar) {
    Reader reader(archive_read_new(), archive_read_free);
    archive_read_support_format_tar(reader.get());
    archive_read_support_filter_all(reader.get());
    if (archive_read_open_filename(reader.get(), tar.c_str(), 1 << 20) != ARCHIVE_OK)
        return archive_error(reader.get(), tar.native());
    return reader;
}

/// Without "./" and slashes around it; "." for the root.
Result<std::string> plain_name(std::string_view name) {
    std::vector<std::string> parts;
    for (const std::string& part : split(name, '/')) {
        if (part == "..") return permanent_error("the name '", name, "' leads out of the tree");
        if (!part.empty() && part != ".") parts.push_back(part);
    }
    return parts.empty() ? "." : join(parts, "/");
}

/// It sets the modes of directories when it is closed, by their names: at once, for a later entry can put a
/// link in the place of a directory above.
Result<> write_entry(archive* from, archive_entry* entry) {
    Writer writer(archive_write_disk_new(), archive_write_free);
    archive* to = writer.get();
    archive_write_disk_set_options(to, ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME
                                           | ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_ACL
                                           | ARCHIVE_EXTRACT_SPARSE);
    if (archive_read_extract2(from, entry, to) != ARCHIVE_OK || archive_write_close(to) != ARCHIVE_OK)
        return archive_error(archive_error_string(to) ? to : from, "writing it");
    return {};
}

/// An upper layer's directory takes the place of the lower one's, and keeps only what is in it.
void remove_attributes(const fs::path& path) {
    std::string names(65536, '\0');
    ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
    names.resize(size > 0 ? static_cast<size_t>(size) : 0);
    for (const std::string& name : split(names, '\0'))
        if (!name.empty()) ::lremovexattr(path.c_str(), name.c_str());
}

} // namespace

Result<Unpacker> Unpacker::into(const fs::path& directory, std::optional<uint64_t> epoch) {
    if (::geteuid() != 0)
        return permanent_error(
            "owners and device nodes of a tar can be kept only by root; an ordinary user can "
            "build from a directory");
    std::setlocale(LC_CTYPE, "C.UTF-8"); // libarchive takes names as text in the locale's letters
    std::error_code problem;
    fs::path real = fs::canonical(directory, problem);
    UniqueFd root(::open(real.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (problem || !root.is_open()) return system_error(errno, "opening ", directory.native());
    return Unpacker(std::move(real), std::move(root), epoch);
}

Result<> Unpacker::unpack(const fs::path& tar) {
    return unpack_all(tar, Whiteouts::plain_files);
}

Result<> Unpacker::unpack_layer(const fs::path& tar) {
    return unpack_all(tar, Whiteouts::honoured);
}

Result<> Unpacker::unpack_all(const fs::path& tar, Whiteouts whiteouts) {
    of_this_layer_.clear();
    Reader reader = TRY(open_tar(tar));
    for (;;) {
        archive_entry* entry = nullptr;
        int outcome = archive_read_next_header(reader.get(), &entry);
        if (outcome == ARCHIVE_EOF) break;
        if (outcome != ARCHIVE_OK) return archive_error(reader.get(), "reading " + tar.native());
        std::string name = archive_entry_pathname(entry) ? archive_entry_pathname(entry) : "";
        TRY(unpack_entry(reader.get(), entry, whiteouts), "unpacking ", name, " of ", tar.native());
    }
    return {};
}

Result<> Unpacker::unpack_entry(archive* from, archive_entry* entry, Whiteouts whiteouts) {
    if (!archive_entry_pathname(entry)) return permanent_error("a name that is not text");
    std::string name = TRY(plain_name(archive_entry_pathname(entry)));
    Place place = TRY(place_of(name));
    if (whiteouts == Whiteouts::honoured && place.path.filename().native().starts_with(kWhiteout))
        return apply_whiteout(place);
    TRY(redirect_link(entry));
    const char* link = archive_entry_hardlink(entry);
    if (link && place.path == link) return {};
    // Names below the root have no directory above them that is resolved.
    if (place.name == "." && (link || archive_entry_filetype(entry) != AE_IFDIR))
        return permanent_error("the root of the tree can only be a directory");
    TRY(make_room(place, entry));
    of_this_layer_.insert(place.name);
    limit_time(entry, place.name);
    archive_entry_set_pathname(entry, place.path.c_str());
    return write_entry(from, entry);
}

Result<Unpacker::Place> Unpacker::place_of(const std::string& name) {
    if (name == ".") return Place{directory_, "."};
    fs::path path = name;
    std::string parent = TRY(real_directory(path.parent_path()));
    std::string real = parent == "." ? path.filename().native() : parent + "/" + path.filename().native();
    return Place{directory_ / real, real};
}

/// Makes what is missing of it.
Result<std::string> Unpacker::real_directory(const fs::path& name) {
    if (name.empty()) return ".";
    UniqueFd fd = open_in_root(root_, name, O_DIRECTORY);
    if (!fd.is_open() && errno == ENOENT) {
        Place place = TRY(place_of(name));
        if (::mkdir(place.path.c_str(), 0755) != 0)
            return system_error(errno, "making the directory ", name.native());
        return place.name;
    }
    if (!fd.is_open()) return system_error(errno, "opening the directory ", name.native());
    fs::path real = TRY(path_of(fd, "following " + name.native()));
    return real == directory_ ? "." : real.lexically_relative(directory_).native();
}

Result<> Unpacker::apply_whiteout(const Place& whiteout) {
    std::string file = whiteout.path.filename();
    std::string parent = fs::path(whiteout.name).parent_path();
    if (file == kOpaque) {
        std::error_code problem;
        for (fs::directory_iterator entry(whiteout.path.parent_path(), problem), end;
             !problem && entry != end; entry.increment(problem))
            TRY(remove_lower((fs::path(parent) / entry->path().filename()).native()));
        if (problem) return system_error(problem.value(), "emptying ", parent);
        return {};
    }
    if (file.starts_with(".wh..wh.")) return {}; // aufs kept its own books under such names
    std::string removed = file.substr(kWhiteout.size());
    if (removed.empty() || removed == "." || removed == "..")
        return permanent_error("a whiteout of '", removed, "', which is no name");
    return remove_lower((fs::path(parent) / removed).native());
}

Result<> Unpacker::remove_lower(const std::string& name) {
    auto below = of_this_layer_.lower_bound(name + "/");
    bool has_own = below != of_this_layer_.end() && below->starts_with(name + "/");
    if (!has_own && !of_this_layer_.contains(name)) return remove_tree(directory_ / name);
    std::error_code problem;
    if (!fs::is_directory(fs::symlink_status(directory_ / name, problem))) return {};
    for (fs::directory_iterator entry(directory_ / name, problem), end; !problem && entry != end;
         entry.increment(problem))
        TRY(remove_lower(name + "/" + entry->path().filename().native()));
    return {};
}

Result<> Unpacker::make_room(const Place& place, archive_entry* entry) {
    std::error_code problem;
    fs::file_status there = fs::symlink_status(place.path, problem);
    if (!fs::exists(there)) return {};
    bool is_directory = !archive_entry_hardlink(entry) && archive_entry_filetype(entry) == AE_IFDIR;
    if (is_directory && fs::is_directory(there)) {
        remove_attributes(place.path);
        return {};
    }
    return remove_tree(place.path);
}

Result<> Unpacker::redirect_link(archive_entry* entry) {
    const char* link = archive_entry_hardlink(entry);
    if (!link) return {};
    Place target = TRY(place_of(TRY(plain_name(link))));
    archive_entry_set_hardlink(entry, target.path.c_str());
    return {};
}

void Unpacker::limit_time(archive_entry* entry, const std::string& name) {
    int64_t time = archive_entry_mtime_is_set(entry) ? archive_entry_mtime(entry) : 0;
    if (epoch_ && time > static_cast<int64_t>(*epoch_)) {
        time = static_cast<int64_t>(*epoch_);
        archive_entry_set_mtime(entry, time, 0);
    }
    directory_times_.erase(name);
    if (archive_entry_filetype(entry) == AE_IFDIR) directory_times_[name] = time;
}

Result<> Unpacker::finish() {
    auto set_time = [&](const fs::path& path, const std::string& name) -> Result<> {
        auto known = directory_times_.find(name);
        timespec time = {known == directory_times_.end() ? 0 : known->second, 0};
        const timespec both[] = {time, time};
        if (::utimensat(AT_FDCWD, path.c_str(), both, 0) != 0)
            return system_error(errno, "setting the time of ", path.native());
        return {};
    };
    std::error_code problem;
    for (fs::recursive_directory_iterator entry(directory_, problem), end; !problem && entry != end;
         entry.increment(problem))
        if (entry->symlink_status(problem).type() == fs::file_type::directory)
            TRY(set_time(entry->path(), entry->path().lexically_relative(directory_).native()));
    if (problem) return system_error(problem.value(), "reading ", directory_.native());
    return set_time(directory_, ".");
}

} // namespace mangrove::ctl
