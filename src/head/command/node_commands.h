#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "head/command/call.h"
#include "head/nodes/changes.h"
#include "head/nodes/declaration.h"

namespace mangrove::head {

enum class Question { is_asked, is_skipped };
enum class Explain { no, yes };

/// How a command writes.
struct Writing {
    Question question = Question::is_asked;
    bool is_dry_run = false;
    std::string command; ///< as it was typed, for the history
    uint64_t undoes = 0; ///< the event that it takes back
};

/// Joins words for a column of a table, which is never empty.
std::string shown_list(const std::vector<std::string>& words);
/// Returns the name of the user that logged in, also behind sudo and su.
std::string who();

Result<std::unique_ptr<Database>> open_database(const Call& call);
/// Asks on the terminal, unless that is to be skipped. An error if the answer is no, or if nobody is there.
Result<> ask(const Writing& writing, const char* question);
using MakeEdits = std::function<Result<Edits>(const Inventory& before)>;
/// Shows what the edits change, asks, and writes them. `ignored`: what an import left out, for JSON.
Outcome<> change(Call& call, const Writing& writing, const MakeEdits& make_edits,
                 const std::vector<std::string>* ignored = nullptr);

/// Each shows what it would change and asks. `nodes` is a node set; assignments are those of set_field.
Outcome<> add_nodes(Call& call, const Writing& writing, const std::string& nodes,
                    const std::vector<std::string>& assignments);
Outcome<> set_nodes(Call& call, const Writing& writing, const std::string& nodes,
                    const std::vector<std::string>& assignments);
Outcome<> unset_nodes(Call& call, const Writing& writing, const std::string& nodes,
                      const std::vector<std::string>& fields);
Outcome<> remove_nodes(Call& call, const Writing& writing, const std::string& nodes);
Outcome<> rename_node(Call& call, const Writing& writing, const std::string& node, const std::string& name);
Outcome<> add_group(Call& call, const Writing& writing, const std::string& group,
                    const std::vector<std::string>& assignments);
Outcome<> set_group(Call& call, const Writing& writing, const std::string& group,
                    const std::vector<std::string>& assignments);
Outcome<> unset_group(Call& call, const Writing& writing, const std::string& group,
                      const std::vector<std::string>& fields);
Outcome<> remove_groups(Call& call, const Writing& writing, const std::vector<std::string>& groups);
Outcome<> apply_files(Call& call, const Writing& writing, const std::filesystem::path& path, Others others);
/// Reads a file of another program; `format` is one of import_format_names().
Outcome<> import_file(Call& call, const Writing& writing, const std::string& format,
                      const std::filesystem::path& file);
Outcome<> undo_event(Call& call, Writing writing, uint64_t event);

Result<Inventory> load_inventory(const Call& call);

Outcome<> list_nodes(Call& call, const std::string& nodes);
Outcome<> show_nodes(Call& call, const std::string& nodes, Explain explain);
/// Shows which nodes booted something else than what they would be served now; `nodes`: empty for all.
Outcome<> show_needs_restart(Call& call, const std::string& nodes, bool& is_needed);
Outcome<> list_groups(Call& call);
Outcome<> show_group(Call& call, const std::string& group);
Outcome<> export_files(Call& call, const std::filesystem::path& directory);
Outcome<> history(Call& call, const std::string& nodes);
Outcome<> back_up(Call& call, const std::filesystem::path& copy);
Outcome<> restore_backup(Call& call, const Writing& writing, const std::filesystem::path& copy);

} // namespace mangrove::head
