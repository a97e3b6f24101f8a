#include "head/serve/leases.h"

#include <algorithm>

#include "base/text.h"
#include "base/whole_file.h"
#include "head/nodes/objects.h"

namespace mangrove::head {

namespace {

struct Columns {
    size_t address;
    size_t mac;
    size_t expiry;
    size_t count;
};

/// dnsmasq(8): EXPIRY MAC ADDRESS NAME CLIENT
constexpr Columns kDnsmasq{.address = 2, .mac = 1, .expiry = 0, .count = 4};
/// Kea's lease_file4.h: address,hwaddr,client_id,valid_lifetime,expire,…
constexpr Columns kKea{.address = 0, .mac = 1, .expiry = 4, .count = 5};

using Time = std::chrono::system_clock::time_point;

Time time_of(uint64_t seconds) {
    constexpr uint64_t kLast =
        std::chrono::floor<std::chrono::seconds>(Time::max()).time_since_epoch().count();
    return Time(std::chrono::seconds(std::min(seconds, kLast)));
}

} // namespace

std::map<std::string, Lease> parse_leases(std::string_view written) {
    bool is_kea = written.starts_with("address,");
    const Columns& columns = is_kea ? kKea : kDnsmasq;
    std::map<std::string, Lease> leases;
    for (const std::string& line : split(written, '\n')) {
        std::vector<std::string> words = split(line, is_kea ? ',' : ' ');
        if (words.size() < columns.count) continue;
        std::optional<uint64_t> expiry = parse_number(words[columns.expiry]);
        Result<std::string> mac = normalize_mac(words[columns.mac]);
        if (!expiry || !mac) continue;
        // In Kea's file, a later line replaces an earlier one.
        bool is_for_ever = !is_kea && *expiry == 0;
        leases[words[columns.address]] = {*std::move(mac), is_for_ever ? Time::max() : time_of(*expiry)};
    }
    return leases;
}

Leases::Leases(std::vector<std::filesystem::path> files) {
    for (std::filesystem::path& file : files)
        files_.push_back({.path = std::move(file)});
}

void Leases::refresh(File& file) {
    std::error_code problem;
    auto changed = std::filesystem::last_write_time(file.path, problem);
    if (problem || changed == file.read_at) return;
    Result<std::string> written = read_file(file.path);
    if (!written) return;
    file.leases = parse_leases(*written);
    file.read_at = changed;
}

bool Leases::has(const std::vector<std::string>& macs, const std::string& address,
                 std::chrono::system_clock::time_point now) {
    return std::ranges::any_of(files_, [&](File& file) {
        refresh(file);
        auto lease = file.leases.find(address);
        return lease != file.leases.end() && lease->second.end >= now
               && std::ranges::find(macs, lease->second.mac) != macs.end();
    });
}

} // namespace mangrove::head
