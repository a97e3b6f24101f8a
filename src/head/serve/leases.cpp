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

} // namespace

std::map<std::string, std::string> parse_leases(std::string_view written, int64_t now) {
    bool is_kea = written.starts_with("address,");
    const Columns& columns = is_kea ? kKea : kDnsmasq;
    std::map<std::string, std::string> macs;
    for (const std::string& line : split(written, '\n')) {
        std::vector<std::string> words = split(line, is_kea ? ',' : ' ');
        if (words.size() < columns.count) continue;
        std::optional<uint64_t> expiry = parse_number(words[columns.expiry]);
        Result<std::string> mac = normalize_mac(words[columns.mac]);
        if (!expiry || !mac) continue;
        // dnsmasq writes 0 for ever. In Kea's file, a later line replaces an earlier one.
        bool is_over = static_cast<int64_t>(*expiry) < now && (is_kea || *expiry != 0);
        if (is_over)
            macs.erase(words[columns.address]);
        else
            macs[words[columns.address]] = *mac;
    }
    return macs;
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
    auto now = std::chrono::system_clock::now().time_since_epoch();
    file.macs = parse_leases(*written, std::chrono::duration_cast<std::chrono::seconds>(now).count());
    file.read_at = changed;
}

bool Leases::has(const std::vector<std::string>& macs, const std::string& address) {
    return std::ranges::any_of(files_, [&](File& file) {
        refresh(file);
        auto lease = file.macs.find(address);
        return lease != file.macs.end() && std::ranges::find(macs, lease->second) != macs.end();
    });
}

} // namespace mangrove::head
