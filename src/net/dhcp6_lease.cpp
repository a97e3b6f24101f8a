#include "net/dhcp6_lease.h"

#include <algorithm>

#include "base/byte_order.h"
#include "net/domain_names.h"
#include "net/host_addresses.h"

namespace mangrove {

static constexpr uint32_t kForEver = 0xffffffff;
static constexpr size_t kAssociationHead = 12; // number, T1, T2
static constexpr size_t kAddressHead = 24;     // address, preferred and valid lifetime
static constexpr size_t kLongestIdentifier = 130;

/// An error when the option says that the server does not grant what was asked for (RFC 8415, 21.13).
static Result<> check_status(const Dhcp6Options& options) {
    static constexpr std::string_view kNames[] = {
        "success",
        "failure",
        "no address available",
        "no such lease",
        "address not on this link",
        "multicast required",
    };
    const Bytes* status = find_option(options, dhcp6_option::kStatus);
    if (!status) return {};
    if (status->size() < 2) return {};
    uint16_t code = load_be16(status->data());
    if (code == 0) return {};
    std::string words(status->begin() + 2, status->end());
    std::ranges::replace_if(
        words, [](char c) { return c < ' ' || c == 127; }, '?');
    return permanent_error(
        "the server refused: ", code < std::size(kNames) ? std::string(kNames[code]) : text("status ", code),
        words.empty() ? "" : ": ", words);
}

static Result<> read_address(const Bytes& option, Dhcp6Lease& lease) {
    if (option.size() < kAddressHead) return permanent_error("option 5 (address) is truncated");
    TRY(check_status(decode_dhcp6_options(ByteView(option).subspan(kAddressHead))));
    IpAddress address = read_ipv6(option);
    uint32_t preferred = load_be32(&option[16]);
    uint32_t valid = load_be32(&option[20]);
    if (!is_host_address(address))
        return permanent_error("the address ", address.to_text(), " is not a host address");
    if (valid == 0 || preferred > valid)
        return permanent_error("the address ", address.to_text(), " is valid for ", valid,
                               " s and preferred for ", preferred, " s");
    lease.address = address;
    if (valid == kForEver) return {};
    lease.lifetime = seconds(valid);
    // RFC 8415, 21.4: what a server had better say when it leaves them to the client.
    uint32_t base = preferred > 0 ? preferred : valid;
    lease.renewal_time = seconds(base / 2);
    lease.rebinding_time = seconds(base - base / 5);
    return {};
}

/// T1 and T2 in a right order replace the defaults (RFC 8415, 21.4); 0 leaves them to the client.
static void read_times(const Bytes& association, Dhcp6Lease& lease) {
    if (!lease.lifetime) return;
    seconds renewal(load_be32(&association[4]));
    seconds rebinding(load_be32(&association[8]));
    if (renewal > rebinding && rebinding.count() > 0) {
        lease.ignored.push_back("T1 is later than T2");
        return;
    }
    if (rebinding.count() > 0 && rebinding < *lease.lifetime) lease.rebinding_time = rebinding;
    if (renewal.count() > 0 && renewal <= *lease.rebinding_time) lease.renewal_time = renewal;
    lease.renewal_time = std::min(*lease.renewal_time, *lease.rebinding_time);
}

/// A server can withdraw one address of an association and grant another.
static Result<> read_first_address(const Dhcp6Options& options, Dhcp6Lease& lease) {
    Result<> read = permanent_error("the server granted no address");
    for (const auto& [code, value] : options)
        if (code == dhcp6_option::kAddress && !lease.address) read = read_address(value, lease);
    return lease.address ? Result<>() : read;
}

static Result<> read_association(const Dhcp6Options& options, uint32_t number, Dhcp6Lease& lease) {
    for (const auto& [code, value] : options) {
        if (code != dhcp6_option::kAssociation) continue;
        if (value.size() < kAssociationHead || load_be32(value.data()) != number) continue;
        Dhcp6Options inner = decode_dhcp6_options(ByteView(value).subspan(kAssociationHead));
        TRY(check_status(inner));
        TRY(read_first_address(inner, lease));
        read_times(value, lease);
        return {};
    }
    return permanent_error("the server granted no address");
}

static void read_name_servers(const Dhcp6Options& options, Dhcp6Lease& lease) {
    const Bytes* option = find_option(options, dhcp6_option::kNameServers);
    if (!option) return;
    if (option->empty() || option->size() % 16 != 0) {
        lease.ignored.push_back(
            text("option 23 (name servers) has ", option->size(), " bytes, not a multiple of 16"));
        return;
    }
    lease.name_servers = read_host_addresses(*option);
}

static void read_search(const Dhcp6Options& options, Dhcp6Lease& lease) {
    const Bytes* option = find_option(options, dhcp6_option::kSearch);
    if (!option) return;
    Result<std::vector<std::string>> names = decode_domain_names(*option);
    if (names)
        lease.search = *names;
    else
        lease.ignored.push_back("option 24 (search list) is invalid: " + names.error().what);
}

static void read_boot_file(const Dhcp6Options& options, Dhcp6Lease& lease) {
    const Bytes* option = find_option(options, dhcp6_option::kBootFileUrl);
    if (!option) return;
    std::string url(option->begin(), option->end());
    while (url.ends_with('\0')) // some servers count the terminator
        url.pop_back();
    bool is_text =
        std::ranges::all_of(url, [](char c) { return static_cast<uint8_t>(c) >= ' ' && c != 127; });
    if (!url.empty() && is_text)
        lease.boot_file_url = url;
    else
        lease.ignored.push_back(text("option 59 (boot-file URL) is ", url.empty() ? "empty" : "not text"));
}

Result<Dhcp6Lease> read_dhcp6_lease(const Dhcp6Message& message, std::optional<uint32_t> association) {
    Dhcp6Lease lease;
    const Bytes* server = find_option(message.options, dhcp6_option::kServer);
    if (!server || server->empty() || server->size() > kLongestIdentifier)
        return permanent_error("option 2 (server) is missing or invalid");
    lease.server = *server;
    TRY(check_status(message.options));
    if (association) TRY(read_association(message.options, *association, lease));
    const Bytes* preference = find_option(message.options, dhcp6_option::kPreference);
    if (preference && preference->size() == 1) lease.preference = preference->front();
    read_name_servers(message.options, lease);
    read_search(message.options, lease);
    read_boot_file(message.options, lease);
    return lease;
}

} // namespace mangrove
