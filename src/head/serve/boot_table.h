#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "head/nodes/inventory.h"
#include "head/nodes/node_set.h"
#include "head/serve/settings.h"

namespace mangrove::head {

/// All that a node gets to boot one release, ready to be sent.
struct ServedBoot {
    std::string image = {};      ///< the publication
    std::string problem = {};    ///< why it cannot boot; empty: it can
    std::string script = {};     ///< of iPXE
    std::string digest = {};     ///< of the kernel, the initramfs and their arguments
    std::string plan = {};       ///< the same as JSON, for the running node
    std::string definition = {}; ///< JSON
    std::string live = {};       ///< digest of the tar with its live files; empty: none
};

struct ServedNode {
    std::string name;
    std::vector<std::string> macs;
    std::vector<std::string> addresses; ///< that the database gives it
    Trust trust = Trust::address;
    std::string tpm = {};     ///< with Trust::tpm: which one; empty: none is enrolled
    std::string token = {};   ///< and its password
    std::string release = {}; ///< that it is committed to; empty: none
    /// Its boots that can be served now, by release; "": image and files as its values and groups say.
    std::map<std::string, ServedBoot> boots = {};
    std::set<std::string> files = {}; ///< digests of the tars that it may have

    /// nullptr where it is not prepared.
    const ServedBoot* boot_of(const std::string& of_release) const;
};

/// All that is served, as it was at one moment.
struct BootTable {
    bool is_prepared = true;     ///< false: nothing could be read since the start
    std::string unfinished = {}; ///< why files could not be rendered that can be later, as on a full disk
    std::map<std::string, ServedNode, NodeOrder> nodes;
    std::unordered_map<std::string, std::string> names; ///< of nodes, by MAC address
    std::map<std::string, std::filesystem::path> blobs; ///< public files, by their SHA-256
    std::map<std::string, std::filesystem::path> tars;  ///< files of nodes, by their SHA-256
    uint64_t rendered = 0;             ///< sets of files that were rendered for a node to make it
    std::vector<std::string> problems; ///< each once, with the nodes that have it

    const ServedNode* by_name(const std::string& name) const;
    const ServedNode* by_mac(const std::string& mac) const;
};

} // namespace mangrove::head
