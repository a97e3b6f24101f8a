#include "head/files/tree_difference.h"

#include <cstdlib>
#include <optional>

#include "base/whole_file.h"
#include "head/host/files.h"
#include "head/host/program.h"
#include "head/image/contents.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

Contents contents_of(const FileTree& tree) {
    Contents contents;
    for (const auto& [name, file] : tree) {
        FileRecord& record = contents["./" + name];
        record = {.kind = file.kind,
                  .permissions = file.permissions,
                  .owner = file.owner,
                  .group = file.group,
                  .detail = file.kind == '-' ? digest_of_text(file.contents) : file.detail,
                  .size = file.contents.size(),
                  .same_as = file.hard_link,
                  .attributes = {}};
        for (const auto& [attribute, value] : file.attributes)
            record.attributes[attribute] = hex(as_bytes(value));
    }
    return contents;
}

/// diff(1) ends with 1 where two files differ.
constexpr const char* kDiff = R"(diff -u --label "$1" --label "$1" "$2" "$3" || [ $? = 1 ])";

Result<std::string> text_difference(const Stage& stage, const std::string& name, const std::string& before,
                                    const std::string& after) {
    TRY(write_file(stage.path / "before", before, 0600));
    TRY(write_file(stage.path / "after", after, 0600));
    return run_program(
        {.words = {"sh", "-c", kDiff, "diff", name, stage.path / "before", stage.path / "after"},
         .name = "diff"});
}

/// Returns the name of the file of which a line says that its contents differ; nothing for other lines. A
/// name can hold the words that stand behind it.
std::optional<std::string> changed_file(const std::string& line, const FileTree& before,
                                        const FileTree& after) {
    constexpr std::string_view kBefore = "~ ./", kBehind = ": contents (";
    if (!line.starts_with(kBefore)) return std::nullopt;
    for (size_t end = line.find(kBehind); end != std::string::npos; end = line.find(kBehind, end + 1)) {
        std::string name = line.substr(kBefore.size(), end - kBefore.size());
        auto old = before.find(name), now = after.find(name);
        if (old != before.end() && now != after.end() && old->second.contents != now->second.contents)
            return name;
    }
    return std::nullopt;
}

} // namespace

Result<std::vector<std::string>> tree_differences(const FileTree& before, const FileTree& after) {
    std::string place = fs::temp_directory_path() / "mangrove-diff-XXXXXX";
    if (!::mkdtemp(place.data())) return system_error(errno, "making a directory");
    Stage stage{fs::path(place)};
    std::vector<std::string> lines;
    for (const std::string& line : differences(contents_of(before), contents_of(after))) {
        lines.push_back(line);
        std::optional<std::string> name = changed_file(line, before, after);
        if (!name) continue;
        std::string difference =
            TRY(text_difference(stage, *name, before.at(*name).contents, after.at(*name).contents));
        for (std::string& one : split(trim(difference), '\n'))
            lines.push_back(std::move(one));
    }
    return lines;
}

} // namespace mangrove::head
