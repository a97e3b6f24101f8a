#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ctl/files.h"
#include "ctl/step.h"

namespace mangrove::ctl {

/// One image over one transport, as it is recorded.
struct Publication {
    enum class State { publishing, published, unpublishing };

    std::string id;         ///< "debian-0123456789ab.iscsi"
    std::string image;      ///< the image's id
    std::string over;       ///< "iscsi"
    std::string server;     ///< "tgt"
    std::string definition; ///< JSON
    std::vector<Step> steps;
    State state = State::publishing;
    size_t begun = 0; ///< so many of the steps were begun, and not taken back
};

/// The records of all publications, a file each. A record says what is going to be done before it is done, so
/// that what a killed run left is known. One process at a time works with it.
class Journal {
  public:
    /// Waits until no other process has it, and takes back what one that was killed had begun.
    static Result<Journal> open(const std::filesystem::path& directory, Host& host);
    /// Only to read.
    static Result<std::vector<Publication>> list(const std::filesystem::path& directory);

    /// All steps, or none: what was done is taken back when one fails.
    Result<> publish(Publication publication);
    Result<> unpublish(Publication publication);
    /// By its id, or by the image's.
    Result<std::vector<Publication>> find(const std::string& reference) const;

  private:
    Journal(std::filesystem::path directory, UniqueFd lock, Host& host)
        : directory_(std::move(directory)), lock_(std::move(lock)), host_(host) {}

    Result<> recover();
    Result<> write(const Publication& publication);
    Result<> forget(const Publication& publication);
    /// The last step first.
    Result<> take_back(Publication& publication);

    std::filesystem::path directory_;
    UniqueFd lock_;
    Host& host_;
};

std::string_view state_name(Publication::State state);

} // namespace mangrove::ctl
