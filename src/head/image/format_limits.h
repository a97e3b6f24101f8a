#pragma once

#include "head/image/contents.h"
#include "head/image/pack.h"

namespace mangrove::head {

/// Takes out of the list of a tree's files what the image made from it does not have: attributes and kinds of
/// files that the format cannot hold, and labels that are left out. A line for each kind that is lost.
std::vector<std::string> limit_to_format(Contents& contents, const Packing& packing);

/// How the tree came about.
enum class Origin { in_place, unpacked };

/// Decides whether the SELinux labels of a tree are the image's or the machine's, on which every file has
/// one. The labels of an archive's files are the image's, unless all equal the label of `workshop`, the
/// directory that they were unpacked below.
Labels labels_in(const std::filesystem::path& tree, Origin origin, const std::filesystem::path& workshop,
                 bool host_has_selinux);
bool host_has_selinux();

} // namespace mangrove::head
