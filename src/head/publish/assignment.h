#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "head/host/progress.h"
#include "head/image/store.h"
#include "head/publish/record.h"

namespace mangrove::head {

/// The image that a node boots: a card's address as iPXE writes it ("52-54-00-12-34-56"), or all nodes
/// without one.
struct Assignment {
    std::string node;
    std::string publication;
    std::string image = {};          ///< its id
    std::string kernel_version = {}; ///< empty: not known

    bool operator==(const Assignment&) const = default;
};

inline constexpr const char* kAllNodes = "all";

/// "all", or a MAC address in any of its notations.
Result<std::string> node_from(const std::string& written);
/// As DHCP servers and switches show it: "52:54:00:12:34:56".
std::string node_text(std::string node);

/// The directory from which the nodes' firmware loads (docs/pxe.md). In `assigned` there are a script for
/// each node, named after it, and a directory for each publication: the kernel, the initramfs and the script
/// that boots them. Whoever changes it holds the journal.
class BootDirectory {
  public:
    explicit BootDirectory(std::filesystem::path directory) : directory_(std::move(directory)) {}

    /// By node; none where there is no such directory.
    Result<std::vector<Assignment>> list() const;
    /// An error where the first script is missing, or does not read what nodes are assigned.
    Result<> check_scripts(Progress& progress) const;
    /// Each file is replaced whole; the nodes' scripts are the last.
    Result<> assign(const Record& publication, const Image& image, const std::vector<std::string>& nodes,
                    Progress& progress) const;
    Result<> unassign(const std::string& node) const;
    /// Removes what of a publication nodes loaded; none may be assigned to it any more.
    Result<> forget(const std::string& publication) const;

  private:
    std::filesystem::path assigned() const { return directory_ / "assigned"; }
    std::filesystem::path script_of(const std::string& node) const { return assigned() / (node + ".ipxe"); }

    std::filesystem::path directory_;
};

} // namespace mangrove::head
