#include "initramfs/firmware.h"

#include <filesystem>

#include "initramfs/tree_files.h"

namespace mangrove {

namespace {

namespace fs = std::filesystem;

/// The first that the kernel would find.
bool add_first(ArchiveEntries& entries, const ModuleTree& tree, const std::string& name,
               const std::string& reason) {
    std::string version = fs::path(tree.modules).filename();
    fs::path directory = fs::path(tree.modules).parent_path().parent_path() / "firmware";
    for (const char* suffix : {"", ".zst", ".xz"})
        for (const std::string& place :
             {"updates/" + version, std::string("updates"), version, std::string()}) {
            std::string path = (fs::path(place) / (name + suffix)).native();
            Result<std::string> blob = read_in(tree.root, (directory / path).native());
            if (!blob) continue;
            add_entry(entries, "lib/firmware/" + path, {.contents = *std::move(blob), .reason = reason});
            return true;
        }
    return false;
}

} // namespace

Result<std::vector<std::string>> add_firmware(ArchiveEntries& entries, const ModuleTree& tree,
                                              const std::string& module,
                                              const std::vector<std::string>& names) {
    std::vector<std::string> missing;
    for (const std::string& name : names) {
        TRY(check_name(name), "adding the firmware of ", module);
        if (!add_first(entries, tree, name, "firmware of " + module)) missing.push_back(name);
    }
    return missing;
}

} // namespace mangrove
