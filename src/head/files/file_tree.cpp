#include "head/files/file_tree.h"

#include <algorithm>
#include <archive.h>
#include <archive_entry.h>
#include <cerrno>
#include <fcntl.h>
#include <fnmatch.h>
#include <memory>
#include <optional>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/whole_file.h"
#include "head/host/files.h"
#include "head/image/contents.h"
#include "head/image/tar_reader.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

constexpr const char* kManifest = ".manifest";

bool is_kept(const std::string& attribute) {
    return attribute != "security.selinux" && !attribute.starts_with("system.");
}

std::string from_hex(const std::string& digits) {
    std::string bytes;
    for (size_t i = 0; i + 1 < digits.size(); i += 2)
        bytes += static_cast<char>(parse_number(digits.substr(i, 2), 16).value_or(0));
    return bytes;
}

Result<TreeFile> read_one(const fs::path& path, const std::string& name, const FileRecord& record,
                          uint64_t& bytes) {
    if (record.kind == 's') return permanent_error(path.native(), ": a socket, which has no place in a set");
    TreeFile file{
        .kind = record.kind, .permissions = record.permissions, .owner = record.owner, .group = record.group};
    for (const auto& [attribute, value] : record.attributes)
        if (is_kept(attribute)) file.attributes[attribute] = from_hex(value);
    if (record.kind != '-') {
        file.detail = record.detail;
        return file;
    }
    bytes += record.size;
    if (bytes > kMostBytesOfTree)
        return permanent_error(path.native(), ": the files are larger than ", kMostBytesOfTree >> 20,
                               " MiB; put large ones into the image");
    UniqueFd open = TRY(open_regular_file(path, O_NOFOLLOW));
    file.contents = TRY(read_open_file(open, path.native(), kMostBytesOfTree));
    if (digest_of_text(file.contents) != record.detail)
        return transient_error(path.native(), ": changed meanwhile; run the command again");
    struct stat status = {};
    if (::fstat(open.get(), &status) == 0 && status.st_nlink > 1)
        file.hard_link = record.same_as.empty() ? "./" + name : record.same_as;
    return file;
}

/// One line of a manifest.
struct Rule {
    std::string pattern;
    std::optional<unsigned> mode = {};
    std::optional<unsigned> owner = {};
    std::optional<unsigned> group = {};
};

Result<std::optional<unsigned>> manifest_number(const std::string& word, int base, const std::string& place) {
    if (word == "-") return std::nullopt;
    std::optional<uint64_t> number = parse_number(word, base);
    if (!number || *number > (base == 8 ? 07777U : ~0U))
        return permanent_error(place, ": expected ", base == 8 ? "an octal mode" : "a number",
                               " or '-', got '", word, "'");
    return static_cast<unsigned>(*number);
}

Result<std::vector<Rule>> read_manifest(const fs::path& path) {
    std::vector<Rule> rules;
    std::vector<std::string> lines = split(TRY(read_file(path)), '\n');
    for (size_t i = 0; i < lines.size(); ++i) {
        std::string place = text(path.native(), ":", i + 1);
        std::vector<std::string> words = split(trim(lines[i]), ' ');
        std::erase(words, "");
        if (words.empty() || words[0].starts_with("#")) continue;
        if (words.size() != 4) return permanent_error(place, ": expected PATTERN MODE OWNER GROUP");
        Rule rule{.pattern = words[0]};
        rule.mode = TRY(manifest_number(words[1], 8, place));
        rule.owner = TRY(manifest_number(words[2], 10, place));
        rule.group = TRY(manifest_number(words[3], 10, place));
        rules.push_back(std::move(rule));
    }
    return rules;
}

void apply_rules(const std::vector<Rule>& rules, const std::string& name, TreeFile& file) {
    for (const Rule& rule : rules) {
        if (::fnmatch(rule.pattern.c_str(), name.c_str(), 0) != 0) continue;
        if (file.kind != 'l') file.permissions = rule.mode.value_or(file.permissions);
        file.owner = rule.owner.value_or(file.owner);
        file.group = rule.group.value_or(file.group);
    }
}

struct FreeArchive {
    void operator()(archive* writer) const { ::archive_write_free(writer); }
};
struct FreeEntry {
    void operator()(archive_entry* entry) const { ::archive_entry_free(entry); }
};
using Writer = std::unique_ptr<archive, FreeArchive>;
using ArchiveEntry = std::unique_ptr<archive_entry, FreeEntry>;

la_ssize_t append_to(archive*, void* to, const void* bytes, size_t size) {
    static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), size);
    return static_cast<la_ssize_t>(size);
}

mode_t type_of(char kind) {
    switch (kind) {
    case 'd':
        return S_IFDIR;
    case 'l':
        return S_IFLNK;
    case 'c':
        return S_IFCHR;
    case 'b':
        return S_IFBLK;
    case 'p':
        return S_IFIFO;
    default:
        return S_IFREG;
    }
}

char kind_of(mode_t type) {
    for (char kind : {'d', 'l', 'c', 'b', 'p'})
        if (type_of(kind) == type) return kind;
    return '-';
}

void describe_entry(archive_entry* entry, const std::string& name, const TreeFile& file, int64_t time) {
    ::archive_entry_set_pathname(entry, name.c_str());
    ::archive_entry_set_mode(entry, type_of(file.kind) | file.permissions);
    ::archive_entry_set_uid(entry, file.owner);
    ::archive_entry_set_gid(entry, file.group);
    ::archive_entry_set_mtime(entry, time, 0);
    for (const auto& [attribute, value] : file.attributes)
        ::archive_entry_xattr_add_entry(entry, attribute.c_str(), value.data(), value.size());
    if (file.kind == 'l') ::archive_entry_set_symlink(entry, file.detail.c_str());
    if (file.kind == 'c' || file.kind == 'b') {
        size_t colon = file.detail.find(':');
        auto number = [](const std::string& digits) {
            return static_cast<dev_t>(parse_number(digits).value_or(0));
        };
        ::archive_entry_set_rdevmajor(entry, number(file.detail.substr(0, colon)));
        ::archive_entry_set_rdevminor(entry, number(file.detail.substr(colon + 1)));
    }
}

Result<> check(archive* writer, int code) {
    if (code >= ARCHIVE_WARN) return {};
    return permanent_error("writing a tar: ", ::archive_error_string(writer));
}

Result<> write_file_entry(archive* writer, const std::string& name, const TreeFile& file, int64_t time,
                          std::map<std::string, std::string>& first_names) {
    ArchiveEntry entry(::archive_entry_new());
    describe_entry(entry.get(), name, file, time);
    bool is_file = file.kind == '-';
    if (is_file && !file.hard_link.empty()) {
        auto [first, is_new] = first_names.try_emplace(file.hard_link, name);
        if (!is_new) ::archive_entry_set_hardlink(entry.get(), first->second.c_str());
        is_file = is_new;
    }
    if (is_file) ::archive_entry_set_size(entry.get(), static_cast<la_int64_t>(file.contents.size()));
    TRY(check(writer, ::archive_write_header(writer, entry.get())));
    if (is_file && ::archive_write_data(writer, file.contents.data(), file.contents.size()) < 0)
        return permanent_error("writing a tar: ", ::archive_error_string(writer));
    return {};
}

bool has_plain_names(const FileTree& tree) {
    auto is_plain = [](const std::string& name) {
        return std::ranges::all_of(name, [](char letter) { return letter >= ' ' && letter <= '~'; });
    };
    return std::ranges::all_of(
        tree, [&](const auto& one) { return is_plain(one.first) && is_plain(one.second.detail); });
}

std::map<std::string, std::string> attributes_of(archive_entry* entry) {
    std::map<std::string, std::string> attributes;
    ::archive_entry_xattr_reset(entry);
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    while (::archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
        attributes[name] = std::string(static_cast<const char*>(value), size);
    return attributes;
}

Result<TreeFile> read_entry(TarReader& reader, archive_entry* entry) {
    TreeFile file{.kind = kind_of(::archive_entry_filetype(entry)),
                  .permissions = ::archive_entry_perm(entry),
                  .owner = static_cast<unsigned>(::archive_entry_uid(entry)),
                  .group = static_cast<unsigned>(::archive_entry_gid(entry)),
                  .attributes = attributes_of(entry)};
    if (file.kind == 'l') file.detail = ::archive_entry_symlink(entry);
    if (file.kind == 'c' || file.kind == 'b')
        file.detail = text(::archive_entry_rdevmajor(entry), ":", ::archive_entry_rdevminor(entry));
    while (std::optional<TarReader::Block> block = TRY(reader.read())) {
        file.contents.resize(block->offset);
        file.contents += block->data;
    }
    return file;
}

} // namespace

Result<FileTree> read_tree(const fs::path& directory) {
    std::error_code problem;
    if (!fs::is_directory(directory, problem))
        return permanent_error(directory.native(), ": not a directory");
    std::vector<Rule> rules;
    if (fs::exists(directory / kManifest, problem)) rules = TRY(read_manifest(directory / kManifest));
    FileTree tree;
    uint64_t bytes = 0;
    for (const auto& [path, record] : TRY(read_contents(directory))) {
        if (path == "." || path == text("./", kManifest)) continue;
        std::string name = path.substr(2);
        TreeFile file = TRY(read_one(directory / name, name, record, bytes));
        apply_rules(rules, name, file);
        tree.emplace(name, std::move(file));
    }
    return tree;
}

Result<std::string> to_tar(const FileTree& tree, int64_t time) {
    std::string tar;
    Writer writer(::archive_write_new());
    TRY(check(writer.get(), ::archive_write_set_format_pax_restricted(writer.get())));
    // Other names are bytes, in whatever locale this runs; GNU tar warns about the header that says so.
    if (!has_plain_names(tree))
        TRY(check(writer.get(), ::archive_write_set_options(writer.get(), "hdrcharset=BINARY")));
    TRY(check(writer.get(), ::archive_write_set_bytes_in_last_block(writer.get(), 1)));
    TRY(check(writer.get(), ::archive_write_open(writer.get(), &tar, nullptr, append_to, nullptr)));
    std::map<std::string, std::string> first_names;
    for (const auto& [name, file] : tree)
        TRY(write_file_entry(writer.get(), name, file, time, first_names), "writing ", name);
    TRY(check(writer.get(), ::archive_write_close(writer.get())));
    return tar;
}

Result<FileTree> read_tar(const fs::path& path) {
    UniqueFd file = TRY(open_regular_file(path));
    LeftOut left_out;
    std::unique_ptr<TarReader> reader =
        TRY(TarReader::open(file.get(), path.native(), 4 * kMostBytesOfTree, left_out));
    FileTree tree;
    while (archive_entry* entry = TRY(reader->next())) {
        std::string name = ::archive_entry_pathname(entry);
        while (name.ends_with('/'))
            name.pop_back();
        if (const char* first = ::archive_entry_hardlink(entry)) {
            auto found = tree.find(first);
            if (found == tree.end()) return permanent_error(path.native(), ": damaged at ", name);
            found->second.hard_link = first;
            tree[name] = found->second;
            continue;
        }
        tree[name] = TRY(read_entry(*reader, entry));
    }
    TRY(reader->finish());
    return tree;
}

} // namespace mangrove::head
