#pragma once

#include <filesystem>

#include "base/result.h"
#include "head/host/files.h"

/// For tests: directories that are removed again, and a tree with one of everything.
namespace mangrove::head {

/// Aborts when it cannot be made.
Stage make_test_directory();

/// Runs a command of the shell there; aborts when it fails.
void shell(const std::filesystem::path& directory, const std::string& command);

/// Owners, setuid, capabilities, attributes, hard and symbolic links, a sparse file, device nodes, a FIFO,
/// names with blanks and letters beyond ASCII. Needs root.
void fill_tree(const std::filesystem::path& tree);

} // namespace mangrove::head
