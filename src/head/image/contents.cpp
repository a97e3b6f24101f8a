#include "head/image/contents.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "head/host/files.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

char kind_of(mode_t mode) {
    if (S_ISDIR(mode)) return 'd';
    if (S_ISLNK(mode)) return 'l';
    if (S_ISCHR(mode)) return 'c';
    if (S_ISBLK(mode)) return 'b';
    if (S_ISFIFO(mode)) return 'p';
    return S_ISSOCK(mode) ? 's' : '-';
}

Result<std::map<std::string, std::string>> read_attributes(const fs::path& path) {
    std::map<std::string, std::string> attributes;
    ssize_t size = ::llistxattr(path.c_str(), nullptr, 0);
    if (size <= 0) return attributes; // also where the file system knows none
    std::string names(static_cast<size_t>(size), '\0');
    size = ::llistxattr(path.c_str(), names.data(), names.size());
    if (size < 0) return system_error(errno, "listing the attributes of ", path.native());
    names.resize(static_cast<size_t>(size));
    for (const std::string& name : split(names, '\0')) {
        if (name.empty()) continue;
        std::string value(65536, '\0');
        ssize_t length = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
        if (length < 0) return system_error(errno, "reading the attribute ", name, " of ", path.native());
        attributes[name] = hex(as_bytes(value).first(static_cast<size_t>(length)));
    }
    return attributes;
}

class Walk {
  public:
    explicit Walk(fs::path tree) : tree_(std::move(tree)) {}

    Result<> add(const std::string& name) {
        fs::path path = tree_ / name;
        struct stat status = {};
        if (::lstat(path.c_str(), &status) != 0) return system_error(errno, "reading ", path.native());
        FileRecord& record = contents[name];
        record.kind = kind_of(status.st_mode);
        // Links have permissions that mean nothing, and file systems differ in them.
        record.permissions = record.kind == 'l' ? 0777 : status.st_mode & 07777;
        record.owner = status.st_uid;
        record.group = status.st_gid;
        record.attributes = TRY(read_attributes(path));
        if (record.kind != 'd' && status.st_nlink > 1) {
            auto [first, is_new] = first_names_.try_emplace({status.st_dev, status.st_ino}, name);
            if (!is_new) {
                record.same_as = first->second;
                record.detail = contents[first->second].detail;
                record.size = contents[first->second].size;
                return {};
            }
        }
        return add_detail(path, name, record, status);
    }

    Contents contents;

  private:
    Result<> add_detail(const fs::path& path, const std::string& name, FileRecord& record,
                        const struct stat& status) {
        if (record.kind == 'd') return add_below(path, name);
        if (record.kind == '-') {
            record.size = static_cast<uint64_t>(status.st_size);
            record.detail = TRY(digest_of_open_file(TRY(open_regular_file(path, O_NOFOLLOW)), path.native()));
        }
        if (record.kind == 'c' || record.kind == 'b')
            record.detail = text(major(status.st_rdev), ":", minor(status.st_rdev));
        if (record.kind != 'l') return {};
        std::error_code problem;
        record.detail = fs::read_symlink(path, problem).native();
        if (problem) return system_error(problem.value(), "reading the link ", path.native());
        return {};
    }

    Result<> add_below(const fs::path& path, const std::string& name) {
        std::error_code problem;
        std::vector<std::string> names;
        for (fs::directory_iterator entry(path, problem), end; !problem && entry != end;
             entry.increment(problem))
            names.push_back(entry->path().filename());
        if (problem) return system_error(problem.value(), "reading the directory ", path.native());
        std::sort(names.begin(), names.end());
        for (const std::string& below : names)
            TRY(add(text(name, "/", below)));
        return {};
    }

    fs::path tree_;
    std::map<std::pair<dev_t, ino_t>, std::string> first_names_;
};

std::string escaped(std::string_view plain) {
    std::string out;
    for (char letter : plain) {
        auto code = static_cast<unsigned char>(letter);
        if (code > ' ' && letter != '\\' && code != 0x7f) {
            out += letter;
            continue;
        }
        out += '\\';
        for (unsigned shift : {6U, 3U, 0U})
            out += static_cast<char>('0' + ((code >> shift) & 7));
    }
    return out.empty() ? "-" : out;
}

std::string unescaped(std::string_view written) {
    if (written == "-") return {};
    std::string plain;
    for (size_t i = 0; i < written.size(); ++i) {
        if (written[i] != '\\' || i + 3 >= written.size()) {
            plain += written[i];
            continue;
        }
        plain += static_cast<char>(parse_number(written.substr(i + 1, 3), 8).value_or('?'));
        i += 3;
    }
    return plain;
}

std::string octal(unsigned number) {
    std::string digits;
    for (unsigned shift : {9U, 6U, 3U, 0U})
        digits += static_cast<char>('0' + ((number >> shift) & 7));
    return digits;
}

constexpr size_t kFields = 9;

FileRecord parse_record(const std::vector<std::string>& fields) {
    FileRecord record;
    record.kind = fields[0][0];
    record.permissions = static_cast<unsigned>(parse_number(fields[1], 8).value_or(0));
    record.owner = static_cast<unsigned>(parse_number(fields[2]).value_or(0));
    record.group = static_cast<unsigned>(parse_number(fields[3]).value_or(0));
    record.size = parse_number(fields[4]).value_or(0);
    record.detail = unescaped(fields[5]);
    record.same_as = unescaped(fields[6]);
    if (fields[7] == "-") return record;
    for (const std::string& attribute : split(fields[7], ',')) {
        size_t equals = attribute.find('=');
        record.attributes[unescaped(attribute.substr(0, equals))] = attribute.substr(equals + 1);
    }
    return record;
}

std::string what_differs(const FileRecord& before, const FileRecord& after) {
    if (before.kind != after.kind) return text("was ", before.kind, ", is ", after.kind);
    std::vector<std::string> words;
    if (before.detail != after.detail)
        words.push_back(before.kind == 'l'   ? text("to ", after.detail, ", was ", before.detail)
                        : before.kind == '-' ? text("contents (", before.size, " to ", after.size, " bytes)")
                                             : text("device ", before.detail, " to ", after.detail));
    if (before.permissions != after.permissions)
        words.push_back(text("mode ", octal(before.permissions), " to ", octal(after.permissions)));
    if (before.owner != after.owner || before.group != after.group)
        words.push_back(
            text("owner ", before.owner, ":", before.group, " to ", after.owner, ":", after.group));
    if (before.attributes != after.attributes) words.emplace_back("attributes");
    if (before.same_as != after.same_as) words.emplace_back("hard link");
    return join(words, ", ");
}

} // namespace

Result<Contents> read_contents(const fs::path& tree) {
    Walk walk(tree);
    TRY(walk.add("."));
    return std::move(walk.contents);
}

std::string to_text(const Contents& contents) {
    std::string out;
    for (const auto& [path, record] : contents) {
        std::vector<std::string> attributes;
        for (const auto& [name, value] : record.attributes)
            attributes.push_back(escaped(name) + "=" + value);
        out += text(record.kind, " ", octal(record.permissions), " ", record.owner, " ", record.group, " ",
                    record.size, " ", escaped(record.detail), " ", escaped(record.same_as), " ",
                    attributes.empty() ? "-" : join(attributes, ","), " ", escaped(path), "\n");
    }
    return out;
}

Result<Contents> parse_contents(std::string_view written) {
    Contents contents;
    for (const std::string& line : split(written, '\n')) {
        if (line.empty()) continue;
        std::vector<std::string> fields = split(line, ' ');
        if (fields.size() != kFields || fields[0].size() != 1)
            return permanent_error("the list of an image's files is damaged: '", line, "'");
        contents[unescaped(fields[8])] = parse_record(fields);
    }
    return contents;
}

std::vector<std::string> differences(const Contents& before, const Contents& after) {
    std::vector<std::string> lines;
    for (const auto& [path, record] : before) {
        auto other = after.find(path);
        if (other == after.end())
            lines.push_back("- " + path);
        else if (other->second != record)
            lines.push_back(text("~ ", path, ": ", what_differs(record, other->second)));
    }
    for (const auto& [path, record] : after)
        if (!before.contains(path)) lines.push_back("+ " + path);
    std::sort(lines.begin(), lines.end(),
              [](const std::string& a, const std::string& b) { return a.substr(2) < b.substr(2); });
    return lines;
}

} // namespace mangrove::head
