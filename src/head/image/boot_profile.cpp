#include "head/image/boot_profile.h"

#include <algorithm>
#include <fcntl.h>
#include <map>
#include <set>
#include <sys/stat.h>

#include "base/resolve_in_root.h"
#include "base/utf8.h"
#include "head/host/files.h"
#include "head/host/json.h"

namespace mangrove::head {

namespace {

constexpr double kVersion = 1;
constexpr uint64_t kMostBoots = 1'000'000;
constexpr uint64_t kLargestFile = uint64_t{1} << 50;
constexpr int kMostRanges = 1000;
constexpr size_t kLongestPath = 4095;
constexpr size_t kLongestName = 200;

std::unexpected<Error> wrong(const auto&... words) {
    return permanent_error("profile: ", words...);
}

/// Also where a member is given twice, of which other readers might take the other one.
Result<> check_members(const cJSON* object, std::string_view what,
                       std::initializer_list<std::string_view> known) {
    std::set<std::string_view> found;
    const cJSON* member = nullptr;
    cJSON_ArrayForEach(member, object) {
        std::string_view key = member->string;
        if (std::ranges::find(known, key) == known.end())
            return wrong("unknown member '", is_one_line(key) ? key : "?", "' of ", what);
        if (!found.insert(key).second) return wrong("'", key, "' of ", what, " is given twice");
    }
    return {};
}

Result<uint64_t> whole_number(const cJSON* value, std::string_view what, uint64_t most) {
    bool is_number =
        cJSON_IsNumber(value) && value->valuedouble >= 0 && value->valuedouble <= static_cast<double>(most);
    if (!is_number || value->valuedouble != static_cast<double>(static_cast<uint64_t>(value->valuedouble)))
        return wrong(what, " is not a whole number up to ", most);
    return static_cast<uint64_t>(value->valuedouble);
}

Result<std::string> read_name(const cJSON* object, const char* key) {
    const cJSON* value = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!value) return std::string();
    std::string name = text_at(object, key);
    if (!cJSON_IsString(value) || name.size() > kLongestName || !is_one_line(name))
        return wrong("'", key, "' is not a line of up to ", kLongestName, " bytes");
    return name;
}

Result<std::string> read_path(const cJSON* file) {
    std::string path = text_at(file, "path");
    if (path.size() < 2 || path.size() > kLongestPath || path[0] != '/' || !is_one_line(path))
        return wrong("a path is not one line that begins with '/'");
    for (const std::string& name : split(std::string_view(path).substr(1), '/'))
        if (name.empty() || name == "." || name == "..")
            return wrong("the path '", path, "' has '", name, "' as a part");
    return path;
}

Result<std::vector<ReadRange>> read_ranges(const cJSON* file, const std::string& path) {
    const cJSON* written = cJSON_GetObjectItemCaseSensitive(file, "ranges");
    if (!cJSON_IsArray(written) || cJSON_GetArraySize(written) > kMostRanges)
        return wrong(path, ": 'ranges' is not a list of up to ", kMostRanges);
    std::vector<ReadRange> ranges;
    uint64_t end = 0;
    const cJSON* pair = nullptr;
    cJSON_ArrayForEach(pair, written) {
        if (!cJSON_IsArray(pair) || cJSON_GetArraySize(pair) != 2)
            return wrong(path, ": a range is not [offset, size]");
        ReadRange range = {.offset =
                               TRY(whole_number(cJSON_GetArrayItem(pair, 0), "an offset", kLargestFile)),
                           .size = TRY(whole_number(cJSON_GetArrayItem(pair, 1), "a size", kLargestFile))};
        if (range.size == 0 || (!ranges.empty() && range.offset <= end))
            return wrong(path, ": a range is empty, or not behind the one before");
        end = range.offset + range.size;
        ranges.push_back(range);
    }
    return ranges;
}

Result<ProfiledFile> read_profiled_file(const cJSON* file) {
    if (!cJSON_IsObject(file)) return wrong("one of 'files' is not an object");
    TRY(check_members(file, "a file", {"path", "ranges"}));
    std::string path = TRY(read_path(file));
    return ProfiledFile{.path = path, .ranges = TRY(read_ranges(file, path))};
}

Json to_json(const ProfiledFile& file) {
    Json json = make_json_object();
    add_text(json.get(), "path", file.path);
    cJSON* ranges = cJSON_AddArrayToObject(json.get(), "ranges");
    for (const ReadRange& range : file.ranges) {
        cJSON* pair = cJSON_CreateArray();
        cJSON_AddItemToArray(pair, cJSON_CreateNumber(static_cast<double>(range.offset)));
        cJSON_AddItemToArray(pair, cJSON_CreateNumber(static_cast<double>(range.size)));
        cJSON_AddItemToArray(ranges, pair);
    }
    return json;
}

/// Makes one of ranges that touch.
std::vector<ReadRange> united(std::vector<ReadRange> ranges) {
    std::ranges::sort(ranges, {}, &ReadRange::offset);
    std::vector<ReadRange> all;
    for (const ReadRange& range : ranges) {
        if (all.empty() || range.offset > all.back().offset + all.back().size)
            all.push_back(range);
        else
            all.back().size = std::max(all.back().size, range.offset + range.size - all.back().offset);
    }
    if (all.size() > kMostRanges) {
        all[0].size = all.back().offset + all.back().size - all[0].offset;
        all.resize(1);
    }
    return all;
}

/// A backslash makes any character one of the name.
std::string escaped(std::string_view path) {
    constexpr std::string_view kPlain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@:,=";
    std::string name;
    for (char letter : path) {
        bool is_ascii = static_cast<unsigned char>(letter) < 0x80;
        if (is_ascii && kPlain.find(letter) == std::string_view::npos) name += '\\';
        name += letter;
    }
    return name;
}

bool is_regular(const UniqueFd& file) {
    struct stat status = {};
    return ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode);
}

} // namespace

uint64_t BootProfile::bytes() const {
    uint64_t sum = 0;
    for (const ProfiledFile& file : files)
        for (const ReadRange& range : file.ranges)
            sum += range.size;
    return sum;
}

Result<BootProfile> parse_profile(const std::string& text) {
    if (text.size() > BootProfile::kMostBytes)
        return wrong("it has ", text.size(), " bytes, more than ", BootProfile::kMostBytes);
    Json json = TRY(parse_json(text, "profile"));
    if (!cJSON_IsObject(json.get())) return wrong("it is not an object");
    const cJSON* version = cJSON_GetObjectItemCaseSensitive(json.get(), "version");
    if (!cJSON_IsNumber(version) || version->valuedouble != kVersion)
        return wrong("'version' is not 1: it is not a profile, or one of a newer Mangrove");
    TRY(check_members(json.get(), "the profile", {"version", "boots", "name", "release", "files"}));
    BootProfile profile = {.name = TRY(read_name(json.get(), "name")),
                           .release = TRY(read_name(json.get(), "release"))};
    if (const cJSON* boots = cJSON_GetObjectItemCaseSensitive(json.get(), "boots"))
        profile.boots = TRY(whole_number(boots, "'boots'", kMostBoots));
    const cJSON* files = cJSON_GetObjectItemCaseSensitive(json.get(), "files");
    if (!cJSON_IsArray(files) || static_cast<size_t>(cJSON_GetArraySize(files)) > BootProfile::kMostFiles)
        return wrong("'files' is not a list of up to ", BootProfile::kMostFiles);
    std::set<std::string> paths;
    const cJSON* file = nullptr;
    cJSON_ArrayForEach(file, files) {
        profile.files.push_back(TRY(read_profiled_file(file)));
        if (!paths.insert(profile.files.back().path).second)
            return wrong("the path '", profile.files.back().path, "' is given twice");
    }
    return profile;
}

Result<BootProfile> read_profile(const std::filesystem::path& file) {
    UniqueFd opened = TRY(open_regular_file(file));
    return TRY(parse_profile(TRY(read_open_file(opened, file, BootProfile::kMostBytes))), "reading ",
               file.native());
}

std::string to_text(const BootProfile& profile) {
    Json head = make_json_object();
    cJSON_AddNumberToObject(head.get(), "version", kVersion);
    cJSON_AddNumberToObject(head.get(), "boots", static_cast<double>(profile.boots));
    if (!profile.name.empty()) add_text(head.get(), "name", profile.name);
    if (!profile.release.empty()) add_text(head.get(), "release", profile.release);
    std::string text = print_json(head);
    text.back() = ',';
    text += "\"files\":[";
    const char* between = "\n";
    for (const ProfiledFile& file : profile.files) {
        text += between + print_json(to_json(file));
        between = ",\n";
    }
    return text + "\n]}\n";
}

Result<BootProfile> merge_profiles(const std::vector<BootProfile>& profiles) {
    struct Merged {
        double places = 0;
        unsigned count = 0;
        std::vector<ReadRange> ranges;
    };
    std::map<std::string, Merged> files;
    BootProfile all = {.boots = 0};
    for (const BootProfile& profile : profiles) {
        all.boots = std::min(all.boots + profile.boots, kMostBoots);
        if (all.name.empty()) all.name = profile.name;
        if (all.release.empty()) all.release = profile.release;
        double place = 0;
        for (const ProfiledFile& file : profile.files) {
            Merged& merged = files[file.path];
            merged.places += place++ / static_cast<double>(profile.files.size());
            ++merged.count;
            merged.ranges.insert(merged.ranges.end(), file.ranges.begin(), file.ranges.end());
        }
    }
    if (files.size() > BootProfile::kMostFiles)
        return wrong("merged it has ", files.size(), " files, more than ", BootProfile::kMostFiles);
    std::vector<std::pair<double, std::string>> order;
    for (const auto& [path, merged] : files)
        order.emplace_back(merged.places / merged.count, path);
    std::ranges::sort(order);
    for (const auto& [place, path] : order)
        all.files.push_back({path, united(std::move(files[path].ranges))});
    if (size_t size = to_text(all).size(); size > BootProfile::kMostBytes)
        return wrong("merged it has ", size, " bytes, more than ", BootProfile::kMostBytes);
    return all;
}

Result<std::string> sort_list(const BootProfile& profile, const std::filesystem::path& tree) {
    constexpr int kHighest = 32767;
    std::string operation = "reading the tree " + tree.native();
    UniqueFd root(::open(tree.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root.is_open()) return system_error(errno, operation);
    std::string base = TRY(path_of(root, operation)) + "/";
    std::string list;
    std::set<std::string> known;
    int priority = kHighest;
    for (const ProfiledFile& file : profile.files) {
        UniqueFd found = open_in_root(root, file.path, O_NOFOLLOW);
        if (!found.is_open() || !is_regular(found)) continue;
        std::string path = TRY(path_of(found, operation));
        if (!path.starts_with(base) || !is_one_line(path) || !known.insert(path).second) continue;
        list += text(escaped(std::string_view(path).substr(base.size())), " ", priority, "\n");
        if (priority > 1) --priority;
    }
    return list;
}

} // namespace mangrove::head
