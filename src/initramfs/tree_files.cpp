#include "initramfs/tree_files.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/resolve_in_root.h"

namespace mangrove {

Result<std::string> read_whole(const std::string& path) {
    std::error_code problem;
    if (std::filesystem::is_directory(path, problem)) return system_error(EISDIR, "reading ", path);
    std::ifstream file(path, std::ios::binary);
    if (!file) return system_error(errno, "reading ", path);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<std::string> place_in(const std::string& root, const std::string& path) {
    if (root == "/") return path;
    return resolve_in_root(root, path);
}

Result<std::string> read_in(const std::string& root, const std::string& path) {
    std::string place = TRY(place_in(root, path));
    std::error_code problem;
    if (!std::filesystem::is_regular_file(place, problem))
        return permanent_error(place, " is not a regular file");
    return read_whole(place);
}

Result<> check_name(const std::string& name) {
    for (const std::string& part : split(name, '/'))
        if (part == "..") return permanent_error("the name '", name, "' leads out of its directory");
    return {};
}

} // namespace mangrove
