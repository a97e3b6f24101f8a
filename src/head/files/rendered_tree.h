#pragma once

#include <vector>

#include "head/files/file_tree.h"
#include "head/files/renderer.h"

namespace mangrove::head {

/// Returns the templates of a set: the files whose names end in ".tmpl" or ".ww", by path.
std::vector<Template> templates_of(const FileTree& tree);

/// Whether one of them looks at other nodes than its own.
bool reads_all_nodes(const std::vector<Template>& templates);

/// Whether one of them may read secrets.
bool reads_secrets(const std::vector<Template>& templates);

/// Returns the tree with what its templates made in their place, with their owners and modes. Names that a
/// template gives to files are below its directory, or below the root with a leading slash. `renderings`: in
/// the order of templates_of.
Result<FileTree> rendered_tree(const FileTree& tree, const std::vector<const Rendering*>& renderings);

} // namespace mangrove::head
