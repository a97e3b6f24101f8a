#pragma once

#include <compare>
#include <string_view>

namespace mangrove::head {

/// Orders versions as rpm does (rpm-version(7)): by segments of digits and of letters, a number after a
/// letter, '~' before everything and '^' behind. A release candidate ("6.12.0-rc5") comes before its release.
std::strong_ordering compare_versions(std::string_view a, std::string_view b);

/// Whether a kernel is one for debugging, for real time or for clouds, as its name says: "+debug",
/// "-rt-amd64",
/// "-cloud-amd64".
bool is_kernel_variant(std::string_view version);

/// Letters, digits and "._+~-", for a version becomes part of file names and of boot scripts.
bool is_kernel_version(std::string_view version);

} // namespace mangrove::head
