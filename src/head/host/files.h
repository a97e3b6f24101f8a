#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/stage.h"
#include "base/unique_fd.h"
#include "base/whole_file.h"
#include "head/host/progress.h"

struct evp_md_ctx_st;

namespace mangrove::head {

/// Syncs a file's contents, or a directory's names: they survive a loss of power from then on.
Result<> write_to_disk(const std::filesystem::path& path);
/// Makes a directory and those that lead to it.
Result<> make_directories(const std::filesystem::path& path);
/// With all that is in it; not to be there is no error.
Result<> remove_tree(const std::filesystem::path& path);
Result<> rename_file(const std::filesystem::path& from, const std::filesystem::path& to);
/// Shares the blocks where the file system can; a hole stays a hole. What is copied advances the work of the
/// sink.
Result<> clone_into(const std::filesystem::path& from, int to, Progress& progress);
/// Replaces `to` by a copy with the same permissions; nobody finds half of it, also after a loss of power.
Result<> clone_file(const std::filesystem::path& from, const std::filesystem::path& to, Progress& progress);
Result<> clone_file(const std::filesystem::path& from, const std::filesystem::path& to);
/// 0 where there is none.
uint64_t size_of_file(const std::filesystem::path& path);

/// Holds a lock on a file (made where it is missing) as long as it lives. Nothing when another process has
/// it.
Result<UniqueFd> try_lock(const std::filesystem::path& path);
Result<UniqueFd> wait_for_lock(const std::filesystem::path& path);

/// The regular file that a path in a tree leads to; links of the tree's lead nowhere else.
Result<std::filesystem::path> file_of(const std::filesystem::path& tree, const std::filesystem::path& path);

/// The same, open for reading, however the tree changes meanwhile.
Result<UniqueFd> open_file_of(const std::filesystem::path& tree, const std::filesystem::path& path);
/// An error at once where it is a FIFO or a device, which could wait for ever or begin to move.
Result<UniqueFd> open_regular_file(const std::filesystem::path& path, int flags = 0);
/// Of an open file, from its beginning. `name` is its name, for errors; a larger one is an error.
Result<std::string> read_open_file(const UniqueFd& file, const std::string& name, uint64_t most_bytes);

/// SHA-256 of pieces, in hexadecimal.
class Digest {
  public:
    Digest();
    void add(std::string_view piece);
    std::string finish();

  private:
    std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

/// SHA-256 in hexadecimal.
Result<std::string> digest_of_file(const std::filesystem::path& path);
Result<std::string> digest_of_file(const std::filesystem::path& path, Progress& progress);
Result<std::string> digest_of_open_file(const UniqueFd& file, const std::string& name);
std::string digest_of_text(std::string_view contents);

} // namespace mangrove::head
