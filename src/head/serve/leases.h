#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace mangrove::head {

struct Lease {
    std::string mac;
    std::chrono::system_clock::time_point end;
};

/// Reads the addresses that DHCP servers of this machine have leased, from the file of dnsmasq or the memfile
/// of Kea (CSV), again when it has changed.
class Leases {
  public:
    explicit Leases(std::vector<std::filesystem::path> files);

    /// Returns whether one of these MAC addresses has a lease of the address at the time `now`.
    bool has(const std::vector<std::string>& macs, const std::string& address,
             std::chrono::system_clock::time_point now);

  private:
    struct File {
        std::filesystem::path path;
        std::filesystem::file_time_type read_at = {};
        std::map<std::string, Lease> leases = {}; ///< by address
    };
    static void refresh(File& file);

    std::vector<File> files_;
};

/// The leases in a file, also those that have ended, by address.
std::map<std::string, Lease> parse_leases(std::string_view written);

} // namespace mangrove::head
