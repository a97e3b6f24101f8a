#pragma once

#include <map>
#include <string>
#include <vector>

#include "head/files/file_store.h"
#include "head/host/directories.h"
#include "head/rollout/release.h"
#include "head/serve/signed_definition.h"

namespace mangrove::head {

struct ReleaseRequest {
    std::string image;                       ///< or a publication
    std::vector<std::string> files = {};     ///< names of sets, the later ones above the earlier ones
    std::vector<std::string> arguments = {}; ///< of the kernel
    std::string definition = {};             ///< JSON; empty: nothing is added
};

/// Makes a release of what is published now. It takes the signature of the publication over where it adds
/// nothing to the definition.
Result<Release> make_release(Database& database, const Directories& directories,
                             const ReleaseRequest& request);

/// "base-0123456789ab (live)"
std::string shown_files(const ReleaseFiles& files);

/// Returns the nodes that are committed to each release.
Result<std::map<std::string, std::vector<std::string>>> committed_nodes(Database& database);
/// "SHA256:…, valid until 2027-03-01T00:00:00Z, serial 7, for every node"
std::string signature_text(const SignedDefinition& definition);
/// Returns the signature of each release that has one.
Result<std::map<std::string, std::string>> release_signatures(Database& database);
/// Returns what commands and the API show of a release. `nodes`: those that are committed to it.
Json description_of(const Release& release, const std::vector<std::string>& nodes,
                    const std::string& signature);

/// Returns a line for each difference: packages, files, kernel arguments, definition.
Result<std::vector<std::string>> release_differences(const Directories& directories, const FileStore& store,
                                                     const Release& before, const Release& after);

} // namespace mangrove::head
