#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace mangrove::head {

/// One file of a tree, without its times.
struct FileRecord {
    char kind = '-'; ///< as ls(1) shows it: - d l c b p s
    unsigned permissions = 0;
    unsigned owner = 0;
    unsigned group = 0;
    std::string detail = {};  ///< digest of a file, target of a link, "major:minor" of a device
    uint64_t size = 0;        ///< of a file
    std::string same_as = {}; ///< the first path, in order, of a file that has several
    std::map<std::string, std::string> attributes = {}; ///< extended ones; values in hexadecimal

    bool operator==(const FileRecord&) const = default;
};

/// By path, "." for the tree itself, "./etc/passwd".
using Contents = std::map<std::string, FileRecord>;

Result<Contents> read_contents(const std::filesystem::path& tree);

/// One line a file. Blanks and control characters in names are written as \ooo.
std::string to_text(const Contents& contents);
Result<Contents> parse_contents(std::string_view text);

/// A line for each difference: "+ ./path", "- ./path", "~ ./path: what differs".
std::vector<std::string> differences(const Contents& before, const Contents& after);

} // namespace mangrove::head
