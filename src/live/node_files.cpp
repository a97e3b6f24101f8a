#include "live/node_files.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include "base/whole_file.h"
#include "live/node_tree.h"
#include "live/replace.h"
#include "live/set_tree.h"

namespace mangrove {

namespace {

using Why = LeftFile::Why;

/// The files of the node and their versions.
class Node {
  public:
    Node(const NodeTree& files, VersionCache& cache) : tree(files), cache_(cache) {}

    /// Nothing when the file or its directory is missing.
    Result<std::optional<FileVersion>> version_of(const std::string& path) const {
        Result<UniqueFd> directory = tree.enter(directory_part(path));
        if (!directory && directory.error().code == ENOENT) return std::nullopt;
        return cache_.version_at(TRY(std::move(directory)).get(), name_part(path), path);
    }
    /// Whether what was in the way of a file is there no more.
    bool is_free(const std::string& path) const {
        Result<std::optional<FileVersion>> version = version_of(path);
        return version && (!*version || (*version)->kind != FileVersion::Kind::other);
    }

    const NodeTree& tree;

  private:
    VersionCache& cache_;
};

/// Whether the node has a file as it was applied, or was about to be.
bool is_from_here(const LiveFile& file, const FileVersion& present) {
    return !file.applied || present == file.applied || present == file.next;
}

LeftFile left_for(Why why) {
    if (why == Why::changed)
        return {why, "changed on this node; left as it is; remove it to get the head node's"};
    if (why == Why::gone) return {why, "changed on this node and no longer on the head node; left as it is"};
    if (why == Why::unsupported) return {why, "neither a file nor a link; not made on this node"};
    return {why, "this node has a directory or a device in its place; left as it is"};
}

/// An error without a code says what is in the way.
LeftFile left_for(const Error& error) {
    return {error.code == 0 ? Why::in_the_way : Why::failed, error.what};
}

/// Looks at each file that was applied, and at what was left.
class Look {
  public:
    Look(const Node& node, LiveState& state) : node_(node), state_(state) {}

    bool run() {
        for (auto file = state_.files.begin(); file != state_.files.end();) {
            bool is_forgotten = look_at(file->first, file->second);
            file = is_forgotten ? state_.files.erase(file) : std::next(file);
        }
        for (const auto& [path, left] : state_.left)
            if (left.why == Why::failed || (left.why == Why::in_the_way && node_.is_free(path)))
                needs_set_ = true;
        return needs_set_;
    }

  private:
    /// Returns whether nothing has to be known of the file any more.
    bool look_at(const std::string& path, const LiveFile& file) {
        Result<std::optional<FileVersion>> version = node_.version_of(path);
        if (file.next) needs_set_ = true;
        if (!version) {
            state_.left[path] = left_for(version.error());
            return false;
        }
        if (*version && !is_from_here(file, **version)) {
            state_.left[path] = left_for(file.is_gone ? Why::gone : Why::changed);
            return false;
        }
        if (*version && state_.left.erase(path) == 0) return false;
        state_.left.erase(path);
        needs_set_ = needs_set_ || !file.is_gone || *version;
        return file.is_gone && !*version;
    }

    const Node& node_;
    LiveState& state_;
    bool needs_set_ = false;
};

/// One set on its way to the node.
class Application {
  public:
    Application(const Node& node, const NodeTree& set, const SetTree& wanted, LiveState& state)
        : node_(node), set_(set), wanted_(wanted), state_(state) {}

    /// Decides and records what will be replaced, so that a file that is replaced when the program is killed
    /// is known to be from here.
    void plan() {
        state_.left.clear();
        for (auto file = state_.files.begin(); file != state_.files.end();) {
            settle(file->first, file->second);
            file = file->second.applied ? std::next(file) : state_.files.erase(file);
        }
        for (const std::string& path : wanted_.others)
            state_.left[path] = left_for(Why::unsupported);
        for (const auto& [path, version] : wanted_.files)
            plan_file(path, version);
    }

    void carry_out() {
        make_directories();
        for (const std::string& path : replaced_)
            replace(path);
        for (auto file = state_.files.begin(); file != state_.files.end();) {
            bool is_forgotten = !wanted_.files.contains(file->first) && remove(file->first, file->second);
            file = is_forgotten ? state_.files.erase(file) : std::next(file);
        }
    }

    Applied applied;
    std::vector<std::string> written; ///< files and directories

  private:
    /// Finds out how far the replacement of a file had come when it was interrupted.
    void settle(const std::string& path, LiveFile& file) {
        if (!file.next) return;
        Result<std::optional<FileVersion>> present = node_.version_of(path);
        if (present && *present == file.next) {
            file.applied = file.next;
            written.push_back(path);
        } else if (Result<UniqueFd> directory = node_.tree.enter(directory_part(path))) {
            remove_half_copy(*directory, name_part(path));
        }
        file.next.reset();
    }

    void plan_file(const std::string& path, const FileVersion& version) {
        Result<std::optional<FileVersion>> present = node_.version_of(path);
        if (!present) {
            state_.left[path] = left_for(present.error());
            return;
        }
        if (*present && (*present)->kind == FileVersion::Kind::other) {
            state_.left[path] = left_for(Why::in_the_way);
            return;
        }
        auto [file, is_new] = state_.files.try_emplace(path);
        LiveFile& known = file->second;
        known.is_gone = false;
        if (*present == version) {
            known.was_there = known.was_there || is_new;
            known.applied = version;
        } else if (*present && known.applied && *present != known.applied) {
            state_.left[path] = left_for(Why::changed);
        } else {
            known.next = version;
            replaced_.push_back(path);
        }
    }

    void make_directories() {
        for (const auto& [path, directory] : wanted_.directories)
            if (Result<UniqueFd> made = node_.tree.make(path, wanted_.directories, written); !made)
                state_.left.try_emplace(path, Why::unsupported, made.error().what);
    }

    Result<> replace_by_set(const std::string& path, const FileVersion& version) {
        UniqueFd from = TRY(set_.enter(directory_part(path)));
        UniqueFd to = TRY(node_.tree.make(directory_part(path), wanted_.directories, written));
        return replace_by_copy(from, to, name_part(path), version);
    }

    void replace(const std::string& path) {
        LiveFile& file = state_.files[path];
        FileVersion version = *file.next;
        file.next.reset();
        if (Result<> replaced = replace_by_set(path, version); !replaced) {
            state_.left[path] = left_for(replaced.error());
            if (!file.applied) state_.files.erase(path);
            return;
        }
        file = {.applied = version};
        written.push_back(path);
        ++applied.replaced;
    }

    /// Returns whether nothing has to be known of the file any more.
    bool remove(const std::string& path, LiveFile& file) {
        Result<std::optional<FileVersion>> present = node_.version_of(path);
        if (present && (!*present || file.was_there)) return true;
        if (present && *present == file.applied) {
            Result<> removed = unlink(path);
            if (!removed) state_.left[path] = left_for(removed.error());
            if (removed) ++applied.removed;
            return removed.has_value();
        }
        file.is_gone = true;
        state_.left[path] = present ? left_for(Why::gone) : left_for(present.error());
        return false;
    }

    Result<> unlink(const std::string& path) {
        UniqueFd directory = TRY(node_.tree.enter(directory_part(path)));
        if (::unlinkat(directory.get(), name_part(path).c_str(), 0) != 0)
            return system_error(errno, "removing ", name_part(path));
        return {};
    }

    const Node& node_;
    const NodeTree& set_;
    const SetTree& wanted_;
    LiveState& state_;
    std::vector<std::string> replaced_;
};

} // namespace

Result<LiveState> LinuxNodeFiles::load() {
    Result<std::string> written = read_file(state_path_);
    if (!written && written.error().code == ENOENT) return LiveState();
    return parse_live_state(TRY(std::move(written)));
}

Result<> LinuxNodeFiles::save(const LiveState& state) {
    return write_file(state_path_, to_json(state), 0600);
}

Result<> LinuxNodeFiles::make_empty(const std::string& directory) {
    std::error_code problem;
    std::filesystem::remove_all(directory, problem);
    if (problem) return system_error(problem.value(), "emptying ", directory);
    if (::mkdir(directory.c_str(), 0700) != 0) return system_error(errno, "making ", directory);
    return {};
}

bool LinuxNodeFiles::look(LiveState& state) {
    Result<NodeTree> tree = NodeTree::open(root_);
    return tree && Look(Node(*tree, cache_), state).run();
}

Result<Applied> LinuxNodeFiles::apply(const std::string& directory, LiveState& state) {
    NodeTree tree = TRY(NodeTree::open(root_));
    Node node(tree, cache_);
    NodeTree set = TRY(NodeTree::open(directory));
    SetTree wanted = TRY(read_set(directory));
    Application application(node, set, wanted, state);
    application.plan();
    state.version.clear();
    TRY(save(state));
    application.carry_out();
    TRY(save(state));
    if (!application.written.empty()) relabel_(application.written);
    return application.applied;
}

} // namespace mangrove
