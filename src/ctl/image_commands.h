#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "ctl/build.h"

namespace mangrove::ctl {

/// Where the images, the records of what is served, and what nodes load when they start lie.
struct Directories {
    std::filesystem::path images = "/var/lib/mangrove/images";
    std::filesystem::path publications = "/var/lib/mangrove/publications";
    std::filesystem::path targets = "/var/lib/mangrove/targets";
    std::filesystem::path boot = "/srv/mangrove";
};

enum class Form { table, json };

/// Held by who needs that nothing is published or taken back meanwhile; an error while that is under way.
Result<UniqueFd> lock_publications(const Directories& directories);

/// What each prints goes to standard output.
Result<> image_build(const Directories& directories, BuildRequest request, Form form);
Result<> image_list(const Directories& directories, Form form);
Result<> image_show(const Directories& directories, const std::string& reference, Form form);
/// True when they differ.
Result<bool> image_diff(const Directories& directories, const std::string& before, const std::string& after);
Result<> image_remove(const Directories& directories, const std::string& reference);

} // namespace mangrove::ctl
