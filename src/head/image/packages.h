#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mangrove::head {

/// Versions, by the name of a package ("openssl"); of a foreign architecture "openssl:i386".
using Packages = std::map<std::string, std::string>;

/// Reads the packages of dpkg and rpm that are installed in a tree. It need not be trusted; what is no
/// database of packages counts as none.
Packages read_packages(const std::filesystem::path& tree);

/// "NAME VERSION", one line a package.
std::string to_text(const Packages& packages);
Packages parse_packages(std::string_view text);

/// A line for each difference: "+ NAME VERSION", "- NAME VERSION", "~ NAME VERSION -> VERSION".
std::vector<std::string> package_differences(const Packages& before, const Packages& after);

} // namespace mangrove::head
