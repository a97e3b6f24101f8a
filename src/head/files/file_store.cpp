#include "head/files/file_store.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "head/host/files.h"
#include "head/host/json.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPrefix = "files/";
constexpr size_t kDigits = 12;

/// Replaces a file that can be made again: waiting for the disk takes longer than rendering.
Result<> replace_without_sync(const fs::path& file, std::string_view contents) {
    std::string name = file.native() + ".XXXXXX";
    UniqueFd fd(::mkostemp(name.data(), O_CLOEXEC));
    if (!fd.is_open()) return system_error(errno, "writing ", file.native());
    bool is_written = ::fchmod(fd.get(), 0640) == 0;
    while (is_written && !contents.empty()) {
        ssize_t count = ::write(fd.get(), contents.data(), contents.size());
        is_written = count > 0;
        if (is_written) contents.remove_prefix(static_cast<size_t>(count));
    }
    if (is_written && ::rename(name.c_str(), file.c_str()) == 0) return {};
    int problem = errno;
    ::unlink(name.c_str());
    return system_error(problem, "writing ", file.native());
}

Result<FileSet> from_entry(const Entry& entry) {
    Json json = TRY(parse_json(entry.value, entry.key));
    return FileSet{.name = entry.key.substr(kPrefix.size()),
                   .revision = text_at(json.get(), "revision"),
                   .moment = text_at(json.get(), "moment"),
                   .read_at = entry.revision};
}

} // namespace

Result<std::vector<FileSet>> list_file_sets(Database& database) {
    std::vector<FileSet> sets;
    for (const Entry& entry : TRY(database.list(std::string(kPrefix))))
        sets.push_back(TRY(from_entry(entry)));
    return sets;
}

Result<FileSet> find_file_set(Database& database, const std::string& name) {
    std::vector<std::string> names;
    for (FileSet& set : TRY(list_file_sets(database))) {
        if (set.name == name) return std::move(set);
        names.push_back(set.name);
    }
    return permanent_error("files ", name, ": not found", did_you_mean(name, names));
}

Json description_of(const FileSet& set) {
    Json json = make_json_object();
    add_text(json.get(), "name", set.name);
    add_text(json.get(), "revision", set.revision);
    add_text(json.get(), "moment", set.moment);
    return json;
}

std::string to_json(const FileSet& set) {
    Json json = make_json_object();
    add_text(json.get(), "revision", set.revision);
    add_text(json.get(), "moment", set.moment);
    return print_json(json);
}

Result<std::string> FileStore::add(const std::string& set, const FileTree& tree) const {
    std::string tar = TRY(to_tar(tree));
    std::string revision = text(set, "-", digest_of_text(tar).substr(0, kDigits));
    fs::path file = directory_ / set / (revision + ".tar");
    TRY(make_directories(file.parent_path()));
    std::error_code problem;
    if (!fs::exists(file, problem)) TRY(write_file(file, tar, 0640), "keeping the revision ", revision);
    // The newest is the one that was imported last, also when it was there before.
    fs::last_write_time(file, fs::file_time_type::clock::now(), problem);
    return revision;
}

Result<FileTree> FileStore::read(const std::string& set, const std::string& revision) const {
    fs::path file = directory_ / set / (revision + ".tar");
    std::string digest = TRY(digest_of_file(file));
    if (!revision.ends_with("-" + digest.substr(0, kDigits)))
        return permanent_error(file.native(), ": damaged; import the set again");
    return read_tar(file);
}

std::vector<std::string> FileStore::revisions(const std::string& set) const {
    std::vector<std::pair<fs::file_time_type, std::string>> found;
    std::error_code problem;
    for (fs::directory_iterator entry(directory_ / set, problem), end; !problem && entry != end;
         entry.increment(problem))
        if (entry->path().extension() == ".tar")
            found.emplace_back(entry->last_write_time(problem), entry->path().stem());
    std::ranges::sort(found, std::greater());
    std::vector<std::string> revisions;
    for (auto& [time, revision] : found)
        revisions.push_back(std::move(revision));
    return revisions;
}

Result<std::string> FileStore::find_revision(const std::string& set, const std::string& reference) const {
    std::vector<std::string> all = revisions(set);
    std::vector<std::string> matching;
    for (const std::string& revision : all)
        if (revision == reference || (reference.size() > set.size() + 1 && revision.starts_with(reference)))
            matching.push_back(revision);
    if (matching.size() == 1) return matching[0];
    if (matching.size() > 1)
        return permanent_error("'", reference, "' can be ", matching[0], " or ", matching[1]);
    return permanent_error("files ", set, ": no revision '", reference, "'", did_you_mean(reference, all));
}

Result<> FileStore::remove(const std::string& set) const {
    return remove_tree(directory_ / set);
}

fs::path FileStore::rendered(const std::string& digest) const {
    return directory_ / "rendered" / (digest + ".tar");
}

void FileStore::prune_rendered(const std::set<std::string>& kept) const {
    constexpr std::chrono::hours kAge(24);
    std::error_code problem;
    for (fs::directory_iterator entry(directory_ / "rendered", problem), end; !problem && entry != end;
         entry.increment(problem)) {
        std::error_code ignored;
        auto age = fs::file_time_type::clock::now() - entry->last_write_time(ignored);
        bool is_old = age > kAge || age < -kAge; // or the clock has gone back
        if (is_old && !kept.contains(entry->path().stem())) fs::remove(entry->path(), ignored);
    }
}

Result<std::string> FileStore::add_rendered(const std::string& tar) const {
    std::string digest = digest_of_text(tar);
    fs::path file = rendered(digest);
    // After a loss of power it may lack a part.
    if (read_file(file).value_or("") == tar) return digest;
    TRY(make_directories(file.parent_path()));
    TRY(replace_without_sync(file, tar), "keeping ", file.native());
    return digest;
}

FileStore store_beside(const std::string& database, const fs::path& state) {
    return FileStore((is_etcd_url(database) ? state : fs::path(database).parent_path()) / "files");
}

} // namespace mangrove::head
