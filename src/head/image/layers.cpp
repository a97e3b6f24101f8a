/// Whiteouts follow the OCI image specification, "Image Layer Filesystem Changeset". Names are resolved
/// first, for in an upper layer `lib/x` may lead through a link that a lower layer made. All of them are
/// below the root directory,
/// "." the root itself.

#include "head/image/layers.h"

#include <archive_entry.h>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";

/// Without "./" and slashes around it; "." for the root.
Result<std::string> plain_name(std::string_view name) {
    std::vector<std::string> parts;
    for (const std::string& part : split(name, '/')) {
        if (part == "..") return permanent_error("the name '", name, "' leads out of the tree");
        if (!part.empty() && part != ".") parts.push_back(part);
    }
    return parts.empty() ? "." : join(parts, "/");
}

std::string path_to(const std::string& name) {
    return "/" + name;
}

} // namespace

Result<> Layers::unpack(const Tar& tar, Whiteouts whiteouts) {
    of_this_layer_.clear();
    std::unique_ptr<TarReader> reader =
        TRY(TarReader::open(tar.file.get(), tar.name, budget_.most_bytes(), left_out_, advance_));
    while (archive_entry* entry = TRY(reader->next())) {
        std::string name = archive_entry_pathname(entry) ? archive_entry_pathname(entry) : "";
        TRY(budget_.add_file(), "unpacking ", tar.name);
        Result<> unpacked = unpack_entry(*reader, entry, whiteouts);
        if (!unpacked && unpacked.error().code == ENAMETOOLONG)
            left_out_.add(text("a file with the name ", name.substr(0, 64), "…, which is too long"));
        else
            TRY(std::move(unpacked), "unpacking ", name, " of ", tar.name);
    }
    std::string digest = TRY(reader->finish());
    if (!tar.digest.empty() && digest != tar.digest)
        return permanent_error(tar.name, " is damaged: its contents have another digest");
    return {};
}

Result<> Layers::unpack_entry(TarReader& tar, archive_entry* entry, Whiteouts whiteouts) {
    if (!archive_entry_pathname(entry)) return permanent_error("a name that is not text");
    fs::path name = TRY(plain_name(archive_entry_pathname(entry)));
    if (whiteouts == Whiteouts::honoured && name.filename().native().starts_with(kWhiteout))
        return apply_whiteout(name);
    return unpack_at(tar, entry, TRY(real_name(name)));
}

Result<> Layers::unpack_at(TarReader& tar, archive_entry* entry, const std::string& name) {
    const char* target = archive_entry_hardlink(entry);
    bool is_directory = !target && archive_entry_filetype(entry) == AE_IFDIR;
    if (name == "." && !is_directory) return permanent_error("the root of the tree can only be a directory");
    if (target) return make_hard_link(TRY(real_name(TRY(plain_name(target)))), name);
    TRY(make_room(name, is_directory));
    of_this_layer_.insert(name);
    note_directory(entry, name);
    return write_entry(tar, entry, path_to(name), budget_, left_out_);
}

/// Contents that come with the link are those of its target. A link of links is one of their names and leads
/// nowhere.
Result<> Layers::make_hard_link(const std::string& target, const std::string& name) {
    struct stat status = {};
    if (::lstat(path_to(target).c_str(), &status) != 0)
        return system_error(errno, "making a hard link to ", target);
    if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
        return permanent_error("a hard link to ", target, ", which is not a file");
    of_this_layer_.insert(name);
    if (name == target) return {};
    TRY(make_room(name, false));
    directories_.erase(name);
    if (::linkat(AT_FDCWD, path_to(target).c_str(), AT_FDCWD, path_to(name).c_str(), 0) != 0)
        return system_error(errno, "making a hard link to ", target);
    return {};
}

Result<std::string> Layers::real_name(const std::string& name) {
    if (name == ".") return name;
    fs::path path = name;
    std::string parent = TRY(real_directory(path.parent_path()));
    return parent == "." ? path.filename().native() : parent + "/" + path.filename().native();
}

/// Makes what is missing of it, also where a link leads to it.
Result<std::string> Layers::real_directory(const fs::path& name) {
    if (name.empty()) return ".";
    std::error_code problem;
    fs::path real = fs::canonical(path_to(name), problem);
    if (problem.value() == ENOENT) {
        std::string made = TRY(real_name(name));
        if (fs::path target = fs::read_symlink(path_to(made), problem); !problem)
            return real_directory(
                (fs::path(path_to(made)).parent_path() / target).lexically_normal().relative_path());
        TRY(budget_.add_file());
        TRY(make_plain_directory(path_to(made)));
        return made;
    }
    if (problem) return system_error(problem.value(), "opening the directory ", name.native());
    if (!fs::is_directory(fs::symlink_status(real, problem)))
        return system_error(ENOTDIR, "opening the directory ", name.native());
    return real == "/" ? "." : real.native().substr(1);
}

Result<> Layers::apply_whiteout(const fs::path& name) {
    std::string file = name.filename();
    std::string removed = file.substr(kWhiteout.size());
    if (removed.empty() || removed == "." || removed == "..")
        return permanent_error("a whiteout of '", removed, "', which is no name");
    std::error_code problem;
    fs::path parent = fs::canonical(path_to(name.parent_path()), problem);
    if (problem || !fs::is_directory(parent, problem)) return {}; // nothing is there to be removed
    std::string directory = parent == "/" ? "." : parent.native().substr(1);
    if (file == kOpaque) return remove_all_lower(directory);
    if (file.starts_with(".wh..wh.")) return {}; // aufs kept its own books under such names
    return remove_lower(directory == "." ? removed : directory + "/" + removed);
}

Result<> Layers::remove_all_lower(const std::string& directory) {
    std::error_code problem;
    for (fs::directory_iterator entry(path_to(directory), problem), end; !problem && entry != end;
         entry.increment(problem)) {
        std::string name = entry->path().filename();
        TRY(remove_lower(directory == "." ? name : directory + "/" + name));
    }
    if (problem) return system_error(problem.value(), "emptying ", directory);
    return {};
}

Result<> Layers::remove_lower(const std::string& name) {
    auto below = of_this_layer_.lower_bound(name + "/");
    bool has_own = below != of_this_layer_.end() && below->starts_with(name + "/");
    if (!has_own && !of_this_layer_.contains(name)) return remove_tree(path_to(name));
    std::error_code problem;
    if (!fs::is_directory(fs::symlink_status(path_to(name), problem))) return {};
    return remove_all_lower(name);
}

Result<> Layers::make_room(const std::string& name, bool for_directory) {
    std::error_code problem;
    fs::file_status there = fs::symlink_status(path_to(name), problem);
    if (!fs::exists(there) || (for_directory && fs::is_directory(there))) return {};
    return remove_tree(path_to(name));
}

void Layers::note_directory(archive_entry* entry, const std::string& name) {
    int64_t time = archive_entry_mtime_is_set(entry) ? archive_entry_mtime(entry) : 0;
    if (epoch_ && time > static_cast<int64_t>(*epoch_)) {
        time = static_cast<int64_t>(*epoch_);
        archive_entry_set_mtime(entry, time, 0);
    }
    directories_.erase(name);
    if (archive_entry_filetype(entry) == AE_IFDIR)
        directories_[name] = {.time = {time, 0}, .default_acl = default_acl(entry)};
}

Result<> Layers::finish_directory(const std::string& name) {
    auto known = directories_.find(name);
    Directory directory = known == directories_.end() ? Directory{} : known->second;
    std::string path = path_to(name);
    if (const auto& acl = directory.default_acl;
        acl && ::lsetxattr(path.c_str(), "system.posix_acl_default", acl->data(), acl->size(), 0) != 0)
        left_out_.add("system.posix_acl_default of " + name);
    return set_time(path, directory.time);
}

Result<> Layers::finish() {
    std::error_code problem;
    for (fs::recursive_directory_iterator entry("/", problem), end; !problem && entry != end;
         entry.increment(problem))
        if (entry->symlink_status(problem).type() == fs::file_type::directory)
            TRY(finish_directory(entry->path().native().substr(1)));
    if (problem) return system_error(problem.value(), "reading the tree");
    return finish_directory(".");
}

} // namespace mangrove::head
