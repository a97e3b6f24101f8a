#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "head/nodes/discovered.h"

namespace mangrove::head {

/// How the head node knows that a request comes from the node that it names.
enum class Trust {
    open,    ///< it believes the request
    address, ///< TLS, from the node's address and a port below 1024
    tpm,     ///< the same, and its TPM alone can read the definition, which holds a password for the rest
};

Result<Trust> trust_from(std::string_view name);
std::string_view name_of(Trust trust);

/// The configuration of mangrove-head.
struct Settings {
    /// Of this machine on the nodes' network; nodes use the first.
    std::vector<std::string> addresses;
    uint16_t http = 80;
    uint16_t https = 443;
    uint16_t api = 0;             ///< of the API, for other machines; 0: none
    Trust trust = Trust::address; ///< of nodes that have no value `trust`
    bool is_open_view = false;    ///< whoever reaches the API's port may read without a token
    unsigned nodes_per_second = 50;
    unsigned burst = 100;        ///< nodes that may start at once
    size_t connections = 20'000; ///< at most
    std::vector<std::filesystem::path> leases = {"/var/lib/misc/dnsmasq.leases",
                                                 "/var/lib/kea/kea-leases4.csv"};
    std::vector<AcceptRule> accept = {}; ///< machines that become nodes without a question
    std::chrono::seconds screen{15}; ///< how long a machine that cannot boot shows why before it asks again
    std::filesystem::path state = "/var/lib/mangrove";
    std::string database = {}; ///< of nodes and groups: a file, or a URL; empty: nodes.db in `state`
    std::filesystem::path socket = "/run/mangrove-head/api";
    std::filesystem::path include = "/etc/mangrove/include";
    std::vector<std::string> scontrol = {"scontrol"}; ///< the words that run Slurm's scontrol
};

inline constexpr const char* kSettingsFile = "/etc/mangrove/head.yaml";

/// Reads the configuration. Errors name the file and the key, and suggest one.
Result<Settings> read_settings(const std::filesystem::path& file);
Result<Settings> parse_settings(const std::string& written, std::string_view origin);

/// "http://192.168.3.253", with the port where it is not the usual one.
std::string http_base(const Settings& settings);
std::string https_base(const Settings& settings);

} // namespace mangrove::head
