#pragma once

#include <deque>
#include <memory>

#include "head/host/directories.h"
#include "head/rollout/node_state.h"
#include "head/serve/blobs.h"
#include "head/serve/boot_table.h"
#include "head/serve/image_choice.h"
#include "head/serve/node_files.h"
#include "head/serve/signed_definition.h"

namespace mangrove::head {

/// Returns the releases that a node can be served in its state: "" is none.
std::vector<std::string> releases_of(const NodeState& node);

/// Makes what nodes are served out of the database, the images and what is published. Nothing of that happens
/// while a node waits.
class Preparer {
  public:
    /// `authority`: the archive with the certificate that nodes trust. `token_key`: of the passwords of nodes
    /// that are known by their TPM.
    Preparer(Settings settings, Directories directories, RenderProgram program,
             std::filesystem::path authority, std::string token_key = {});

    /// A node that cannot boot has its problem in the table. An error where the database or a directory
    /// cannot be read: then what is served stays.
    Result<std::shared_ptr<const BootTable>> prepare(Database& database);

  private:
    struct Source;
    struct Target;
    void prepare_node(ServedNode& node, const Object& object, const Source& source);
    Result<const SignedDefinition*> signed_definition_of(const Target& target, const std::string& publication,
                                                         const Source& source);
    Result<> fill_in(ServedBoot& boot, Target& target, const Source& source);
    void add_recent_files(ServedNode& node);

    Settings settings_;
    Directories directories_;
    std::filesystem::path authority_;
    std::string token_key_;
    Blobs blobs_;
    std::map<std::string, std::string> kernel_names_; ///< by their URLs
    FilesOfNodes files_;
    std::map<std::string, std::deque<std::string>> recent_files_; ///< by the node, the last one last
};

} // namespace mangrove::head
