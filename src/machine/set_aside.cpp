#include "machine/set_aside.h"

#include "machine/run_files.h"

namespace mangrove {

static std::string place_of(const std::string& path) {
    return kEarlierDirectory + path;
}

Result<bool> set_aside(System& system, const std::string& path) {
    if (system.path_kind(path) == PathKind::missing) return false;
    std::string place = place_of(path);
    TRY(system.make_directory(kEarlierDirectory, 0700));
    TRY(system.make_directory(place.substr(0, place.rfind('/'))));
    TRY(system.rename(path, place));
    return true;
}

Result<> set_aside(System& system, const std::string& path, Undo& undo) {
    bool was_there = TRY(set_aside(system, path));
    undo.push("bringing back " + path, [&system, path, was_there]() -> Result<> {
        if (was_there) return system.rename(place_of(path), path);
        TRY(set_aside(system, path));
        return {};
    });
    return {};
}

} // namespace mangrove
