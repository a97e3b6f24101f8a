#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "head/configure/machines.h"

/// Files for other programs out of the nodes and groups. Names that a format would take for something else
/// are refused.
namespace mangrove::head {

struct ConfigurationFormat {
    const char* name;  ///< "dnsmasq"
    const char* about; ///< what the file is
    Result<std::string> (*write)(const std::vector<Machine>& machines);
};

const std::vector<ConfigurationFormat>& configuration_formats();

/// Lines for dhcp-hostsfile=; the groups are tags.
Result<std::string> write_dnsmasq(const std::vector<Machine>& machines);
/// The list of "reservations" of a Dhcp4.
Result<std::string> write_kea(const std::vector<Machine>& machines);
/// Lines of hosts(5).
Result<std::string> write_hosts(const std::vector<Machine>& machines);
/// Lines of genders(5); the groups are attributes.
Result<std::string> write_genders(const std::vector<Machine>& machines);
/// The source "mangrove" for ClusterShell's groups.d.
Result<std::string> write_clustershell(const std::vector<Machine>& machines);
/// Lines NodeName= and PartitionName= for slurm.conf, of the nodes with a value `slurm`:
///
///   {"CPUs": 64, "Gres": "gpu:4", "partitions": {"batch": {"MaxTime": "1-00:00:00"}}}
Result<std::string> write_slurm(const std::vector<Machine>& machines);

/// The first line of a file that `configure` writes.
std::string configuration_header(std::string_view comment, std::string_view format);

/// Whether a file that `configure` has not written may be replaced.
enum class Foreign { is_refused, is_replaced };

/// Replaces the file by rename where it differs; returns whether it did.
Result<bool> replace_configuration(const std::filesystem::path& path, const std::string& contents,
                                   Foreign foreign);

} // namespace mangrove::head
