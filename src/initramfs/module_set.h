#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace mangrove {

/// A module file and why it is needed.
struct ModuleFile {
    std::string path;   ///< below the module directory: "kernel/drivers/net/virtio_net.ko"
    std::string reason; ///< "card virtio", "needed by iscsi_tcp"
    std::vector<std::string> firmware;
};

/// The modules of one kernel (the directory that holds its modules.dep), chosen by name, with all that they
/// depend on. What is built into the kernel needs no file.
class ModuleSet {
  public:
    explicit ModuleSet(std::string directory) : directory_(std::move(directory)) {}

    /// Names or aliases. An unknown one is an error.
    Result<> add(const std::vector<std::string>& names, const std::string& reason);
    /// The same, and an unknown one is passed over: kernels differ in what is a module.
    Result<> add_if_present(const std::vector<std::string>& names, const std::string& reason);
    /// All modules below this directory of the tree, like "kernel/drivers/net/ethernet/".
    Result<> add_below(const std::string& prefix, const std::string& reason);

    const std::map<std::string, ModuleFile>& files() const { return files_; } ///< by path

  private:
    std::string directory_;
    std::map<std::string, ModuleFile> files_;
};

} // namespace mangrove
