#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace mangrove {

/// Returns the kernel's number of the mount on a path, which it keeps when it becomes the root; empty where
/// nothing is mounted.
std::string mount_number(const std::string& mountinfo, const std::string& path);

/// A mount that a process holds on to while another root takes the place of the one that it is in.
class CarriedMount {
  public:
    static Result<CarriedMount> take(const std::string& path);
    const std::string& path() const { return path_; }
    /// Mounts it again on its path.
    Result<> mount() const;

  private:
    CarriedMount(std::string path, UniqueFd tree) : path_(std::move(path)), tree_(std::move(tree)) {}

    std::string path_;
    UniqueFd tree_;
};

} // namespace mangrove
