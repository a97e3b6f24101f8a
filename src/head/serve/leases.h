#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace mangrove::head {

/// Reads the addresses that DHCP servers of this machine have leased, from the file of dnsmasq or the memfile
/// of Kea (CSV), again when it has changed.
class Leases {
  public:
    explicit Leases(std::vector<std::filesystem::path> files);

    /// Returns whether one of these MAC addresses has a lease of the address now.
    bool has(const std::vector<std::string>& macs, const std::string& address);

  private:
    struct File {
        std::filesystem::path path;
        std::filesystem::file_time_type read_at = {};
        std::map<std::string, std::string> macs = {}; ///< by address
    };
    static void refresh(File& file);

    std::vector<File> files_;
};

/// The MAC addresses of leases that have not expired at `now` (seconds since 1970), by address.
std::map<std::string, std::string> parse_leases(std::string_view written, int64_t now);

} // namespace mangrove::head
