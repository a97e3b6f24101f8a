#pragma once

#include <filesystem>
#include <string>

#include "head/command/call.h"
#include "head/command/node_commands.h"
#include "head/files/file_store.h"

namespace mangrove::head {

FileStore open_file_store(const Call& call);

Outcome<> files_import(Call& call, const std::string& set, const std::filesystem::path& from,
                       const std::string& moment);
Outcome<> files_list(Call& call);
/// `path`: of one of its files, which is printed as it is; empty: the set.
Outcome<> files_show(Call& call, const std::string& set, const std::string& path);
/// Has the user edit a copy of a file, and makes it a new revision.
Outcome<> files_edit(Call& call, const Writing& writing, const std::string& set, const std::string& path);
/// `output`: a directory for a tar of each node; "-": standard output, for one node; empty: the store alone.
Outcome<> files_render(Call& call, const std::string& set, const std::string& nodes,
                       const std::string& output);
/// `has_problems`: whether it does not render for one of them.
Outcome<> files_check(Call& call, const std::string& set, const std::string& nodes, bool& has_problems);
/// `before` and `after`: two nodes, or two revisions of the set.
Outcome<> files_diff(Call& call, const std::string& set, const std::string& before, const std::string& after,
                     bool& different);
Outcome<> files_remove(Call& call, const std::string& set);

} // namespace mangrove::head
