#include "initramfs/tree_files.h"

#include <filesystem>

#include "base/resolve_in_root.h"
#include "base/whole_file.h"

namespace mangrove {

Result<std::string> place_in(const std::string& root, const std::string& path) {
    if (root == "/") return path;
    return resolve_in_root(root, path);
}

Result<std::string> read_in(const std::string& root, const std::string& path) {
    std::string place = TRY(place_in(root, path));
    std::error_code problem;
    if (!std::filesystem::is_regular_file(place, problem))
        return permanent_error(place, " is not a regular file");
    return read_file(place);
}

Result<> check_name(const std::string& name) {
    for (const std::string& part : split(name, '/'))
        if (part == "..") return permanent_error("the name '", name, "' leads outside of its directory");
    return {};
}

} // namespace mangrove
