#include "head/serve/blobs.h"

#include "head/host/files.h"

namespace mangrove::head {

Result<std::string> Blobs::digest(const std::filesystem::path& file) {
    std::error_code problem;
    auto changed = std::filesystem::last_write_time(file, problem);
    if (problem) return system_error(problem.value(), file.native());
    uintmax_t size = size_of_file(file);
    auto found = known_.find(file);
    if (found != known_.end() && found->second.size == size && found->second.changed == changed)
        return found->second.digest;
    std::string digest = TRY(digest_of_file(file));
    known_[file] = {size, changed, digest};
    return digest;
}

} // namespace mangrove::head
