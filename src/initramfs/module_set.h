#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace mangrove {

/// A module file and why it is needed.
struct ModuleFile {
    std::string path;   ///< below the module directory: "kernel/drivers/net/virtio_net.ko"
    std::string reason; ///< "card virtio", "needed by iscsi_tcp"
};

/// The directory that holds a kernel's modules.dep.
struct ModuleTree {
    std::string root = "/"; ///< the tree that no link leaves
    std::string modules;    ///< in the root: "/lib/modules/6.1.0"
    std::string directory;  ///< the same on this machine, without links
};

/// The modules of one kernel (the directory that holds its modules.dep), chosen by name, with their
/// dependencies. Built-in modules need no file.
class ModuleSet {
  public:
    explicit ModuleSet(ModuleTree tree) : tree_(std::move(tree)) {}

    /// Adds modules by names or aliases. An unknown one is an error.
    Result<> add(const std::vector<std::string>& names, const std::string& reason);
    /// As `add`, but skips unknown names: kernels differ in their modules.
    Result<> add_if_present(const std::vector<std::string>& names, const std::string& reason);
    /// Adds each module of modules.dep that belongs; `path` is below the directory, wherever depmod found it
    /// (kernel/, extra/, updates/dkms/, weak-updates/).
    Result<> add_matching(const std::function<bool(const std::string& path)>& belongs,
                          const std::string& reason);
    /// Returns the module's file on this machine; an error when a link leads out of the tree.
    Result<std::string> file_of(const std::string& path) const;

    const std::map<std::string, ModuleFile>& files() const { return files_; } ///< by path

  private:
    ModuleTree tree_;
    std::map<std::string, ModuleFile> files_;
};

} // namespace mangrove
