#include "head/command/file_commands.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/whole_file.h"
#include "head/command/release_commands.h"
#include "head/files/file_sets.h"
#include "head/files/rendered_tree.h"
#include "head/files/secrets.h"
#include "head/files/tree_difference.h"
#include "head/host/program.h"
#include "head/nodes/node_set.h"

namespace mangrove::head {

namespace fs = std::filesystem;

FileStore open_file_store(const Call& call) {
    return store_beside(call.directories.database, fs::path(Directories().database).parent_path());
}

namespace {

/// A set as a command finds it.
struct Opened {
    std::unique_ptr<Database> database;
    FileStore store;
    FileSet set;
    Inventory inventory;
};

Result<Opened> open_set(const Call& call, const std::string& name) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    FileSet set = TRY(find_file_set(*database, name));
    Inventory inventory = TRY(Inventory::load(*database));
    return Opened{std::move(database), open_file_store(call), std::move(set), std::move(inventory)};
}

std::string octal(unsigned mode) {
    char digits[8];
    std::snprintf(digits, sizeof digits, "%04o", mode);
    return digits;
}

void print_tree(const FileTree& tree) {
    for (const auto& [name, file] : tree)
        std::printf("%c %s %5u %5u %9zu  %s%s\n", file.kind, octal(file.permissions).c_str(), file.owner,
                    file.group, file.contents.size(), name.c_str(),
                    file.kind == 'l' ? (" -> " + file.detail).c_str() : "");
}

Json tree_json(const FileTree& tree) {
    Json list(cJSON_CreateArray());
    for (const auto& [name, file] : tree) {
        Json one = make_json_object();
        add_text(one.get(), "path", name);
        add_text(one.get(), "kind", std::string(1, file.kind));
        add_text(one.get(), "mode", octal(file.permissions));
        cJSON_AddNumberToObject(one.get(), "owner", file.owner);
        cJSON_AddNumberToObject(one.get(), "group", file.group);
        cJSON_AddNumberToObject(one.get(), "size", static_cast<double>(file.contents.size()));
        if (!file.detail.empty()) add_text(one.get(), "detail", file.detail);
        cJSON_AddItemToArray(list.get(), one.release());
    }
    return list;
}

Result<RenderedFiles> render_nodes(const Opened& opened, const FileTree& tree,
                                   const std::vector<std::string>& nodes, const KeepRendered& keep) {
    GivenSecrets secrets{.values = TRY(secret_placeholders(*opened.database))};
    return render_files(TRY(find_render_program()), opened.set.name, tree, opened.inventory, nodes, secrets,
                        keep);
}

/// Nodes that failed are an error that holds each problem once.
Result<> check_problems(const FileSet& set, const std::vector<FilesProblem>& problems) {
    if (problems.empty()) return {};
    std::vector<std::string> lines;
    for (const FilesProblem& problem : problems)
        lines.push_back(text(fold_nodes(problem.nodes), ": ", problem.error));
    return permanent_error("files ", set.name, ": cannot be rendered\n  ", join(lines, "\n  "));
}

Result<FileTree> rendered_for(const Opened& opened, const FileTree& tree, const std::string& node) {
    std::string tar;
    auto keep = [&](const std::string&, const std::string& made) -> Result<std::string> {
        tar = made;
        return std::string();
    };
    RenderedFiles rendered = TRY(render_nodes(opened, tree, {node}, keep));
    TRY(check_problems(opened.set, rendered.problems));
    std::string digest = TRY(opened.store.add_rendered(tar));
    return read_tar(opened.store.rendered(digest));
}

Result<Stage> make_stage(const char* name) {
    std::string place = fs::temp_directory_path() / name;
    if (!::mkdtemp(place.data())) return system_error(errno, "making a directory");
    return Stage(fs::path(place));
}

/// As git has it: the variable can hold options, too.
Result<> run_editor(const fs::path& file) {
    std::string editor = "vi";
    for (const char* variable : {"EDITOR", "VISUAL"})
        if (const char* value = std::getenv(variable); value && *value) editor = value;
    std::vector<std::string> words = {"sh", "-c", editor + " \"$@\"", editor, file.native()};
    Result<> done = run_on_terminal({.words = std::move(words), .name = "the editor " + editor});
    if (!done) return permanent_error(done.error().what, "; nothing was changed");
    return {};
}

void print_rendered(const Call& call, const RenderedFiles& rendered) {
    Json list(cJSON_CreateArray());
    if (call.form == Form::table) std::printf("%-20s %-64s %11s\n", "NODE", "SHA-256", "SIZE");
    for (const RenderedFor& one : rendered.nodes) {
        if (call.form == Form::table) {
            std::printf("%-20s %-64s %11s\n", one.node.c_str(), one.digest.c_str(),
                        size_as_text(one.size).c_str());
            continue;
        }
        Json json = make_json_object();
        add_text(json.get(), "node", one.node);
        add_text(json.get(), "digest", one.digest);
        cJSON_AddNumberToObject(json.get(), "size", static_cast<double>(one.size));
        cJSON_AddItemToArray(list.get(), json.release());
    }
    if (call.form == Form::json) print(list);
}

void print_problems(const Call& call, const std::vector<FilesProblem>& problems) {
    Json list(cJSON_CreateArray());
    for (const FilesProblem& problem : problems) {
        std::string nodes = fold_nodes(problem.nodes);
        if (call.form == Form::table) print_line(nodes + ": " + problem.error);
        Json json = make_json_object();
        add_text(json.get(), "nodes", nodes);
        add_text(json.get(), "error", problem.error);
        cJSON_AddItemToArray(list.get(), json.release());
    }
    if (call.form == Form::json) print(list);
}

} // namespace

Outcome<> files_import(Call& call, const std::string& set, const fs::path& from, const std::string& moment) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    ImportedFiles imported = TRY(import_files(*database, open_file_store(call), set, from, moment));
    if (imported.before == imported.set.revision) call.progress.note("files " + set + ": unchanged");
    if (call.form == Form::json)
        print(description_of(imported.set));
    else
        print_line(imported.set.revision);
    return {};
}

Outcome<> files_list(Call& call) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    std::vector<FileSet> sets = TRY(list_file_sets(*database));
    if (call.form == Form::json) {
        Json all(cJSON_CreateArray());
        for (const FileSet& set : sets)
            cJSON_AddItemToArray(all.get(), description_of(set).release());
        print(all);
        return {};
    }
    std::printf("%-24s %-40s %s\n", "FILES", "REVISION", "MOMENT");
    for (const FileSet& set : sets)
        std::printf("%-24s %-40s %s\n", set.name.c_str(), set.revision.c_str(), set.moment.c_str());
    if (sets.empty()) hint(call, "there are no files; mangrovectl files import SET --from DIRECTORY");
    return {};
}

Outcome<> files_show(Call& call, const std::string& name, const std::string& path) {
    Opened opened = TRY(open_set(call, name));
    FileTree tree = TRY(opened.store.read(name, opened.set.revision));
    if (!path.empty()) {
        auto found = TRY(find_file(tree, name, path));
        std::fwrite(found->second.contents.data(), 1, found->second.contents.size(), stdout);
        return {};
    }
    Json json = description_of(opened.set);
    std::vector<std::string> revisions = opened.store.revisions(name);
    add_texts(json.get(), "revisions", revisions);
    cJSON_AddItemToObject(json.get(), "files", tree_json(tree).release());
    if (call.form == Form::json) {
        print(json);
        return {};
    }
    std::printf("%-10s %s\n%-10s %s\n%-10s %s\n\n", "revision", opened.set.revision.c_str(), "moment",
                opened.set.moment.c_str(), "revisions", join(revisions, " ").c_str());
    print_tree(tree);
    return {};
}

Outcome<> files_edit(Call& call, const Writing& writing, const std::string& name, const std::string& path) {
    Opened opened = TRY(open_set(call, name));
    FileTree before = TRY(opened.store.read(name, opened.set.revision));
    auto file = TRY(find_file(before, name, path));
    TRY(with_contents(before, name, path, "")); // an error before the editor starts
    Stage stage = TRY(make_stage("mangrove-edit-XXXXXX"));
    fs::path copy = stage.path / fs::path(file->first).filename();
    TRY(write_file(copy, file->second.contents, 0600));
    TRY(run_editor(copy));
    FileTree after = TRY(with_contents(before, name, path, TRY(read_file(copy))));
    std::vector<std::string> lines = TRY(tree_differences(before, after));
    if (lines.empty()) call.progress.note("files " + name + ": unchanged");
    for (const std::string& line : lines) {
        if (call.form == Form::table) print_line(line);
        if (call.form == Form::json) call.progress.note(line);
    }
    std::fflush(stdout);
    if (!lines.empty() && !writing.is_dry_run) {
        TRY(ask(writing, "Write this revision?"));
        Result<FileSet> written = commit_revision(*opened.database, opened.store, opened.set, after);
        if (!written) {
            stage.path.clear();
            return permanent_error(written.error().what, "; the edited file is ", copy.native());
        }
        opened.set = std::move(*written);
        call.progress.note("files " + name + ": revision " + opened.set.revision);
    }
    if (call.form == Form::json) print(description_of(opened.set));
    return {};
}

Outcome<> files_render(Call& call, const std::string& name, const std::string& nodes,
                       const std::string& output) {
    Opened opened = TRY(open_set(call, name));
    FileTree tree = TRY(opened.store.read(name, opened.set.revision));
    std::vector<std::string> names = TRY(opened.inventory.select(nodes));
    if (output == "-" && names.size() != 1)
        return permanent_error("--output -: only for one node, not for ", names.size());
    if (!output.empty() && output != "-") TRY(make_directories(output));
    auto keep = [&](const std::string& node, const std::string& tar) -> Result<std::string> {
        if (!output.empty() && output != "-") TRY(write_file(fs::path(output) / (node + ".tar"), tar, 0600));
        if (output == "-") std::fwrite(tar.data(), 1, tar.size(), stdout);
        return opened.store.add_rendered(tar);
    };
    if (reads_secrets(templates_of(tree)))
        call.progress.note("files " + name
                           + ": secrets are shown as placeholders; mangrove-head fills them in");
    RenderedFiles rendered = TRY(render_nodes(opened, tree, names, keep));
    if (output != "-") print_rendered(call, rendered);
    TRY(check_problems(opened.set, rendered.problems));
    return {};
}

Outcome<> files_check(Call& call, const std::string& name, const std::string& nodes, bool& has_problems) {
    Opened opened = TRY(open_set(call, name));
    FileTree tree = TRY(opened.store.read(name, opened.set.revision));
    std::vector<std::string> names = TRY(opened.inventory.select(nodes));
    auto keep = [](const std::string&, const std::string&) -> Result<std::string> { return std::string(); };
    RenderedFiles rendered = TRY(render_nodes(opened, tree, names, keep));
    has_problems = !rendered.problems.empty();
    print_problems(call, rendered.problems);
    if (!has_problems)
        call.progress.note(
            text("files ", name, ": renders for ", names.size(), names.size() == 1 ? " node" : " nodes"));
    return {};
}

Outcome<> files_diff(Call& call, const std::string& name, const std::string& before, const std::string& after,
                     bool& different) {
    Opened opened = TRY(open_set(call, name));
    Result<std::string> old_revision = opened.store.find_revision(name, before);
    Result<std::string> new_revision = opened.store.find_revision(name, after);
    FileTree trees[2];
    if (old_revision && new_revision) {
        trees[0] = TRY(opened.store.read(name, *old_revision));
        trees[1] = TRY(opened.store.read(name, *new_revision));
    } else {
        FileTree tree = TRY(opened.store.read(name, opened.set.revision));
        trees[0] = TRY(rendered_for(opened, tree, before));
        trees[1] = TRY(rendered_for(opened, tree, after));
    }
    std::vector<std::string> lines = TRY(tree_differences(trees[0], trees[1]));
    different = !lines.empty();
    print_differences(call, lines);
    return {};
}

Outcome<> files_remove(Call& call, const std::string& name) {
    Opened opened = TRY(open_set(call, name));
    TRY(check_files_unreleased(*opened.database, name));
    FileSet set = TRY(remove_files(*opened.database, opened.store, opened.inventory, name));
    call.progress.note("removed the files " + set.name);
    if (call.form == Form::json) print(description_of(set));
    return {};
}

} // namespace mangrove::head
