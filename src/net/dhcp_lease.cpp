#include "net/dhcp_lease.h"

#include <algorithm>
#include <bit>

#include "base/byte_order.h"
#include "net/domain_names.h"

namespace mangrove {

static constexpr uint32_t kForEver = 0xffffffff;
static constexpr uint16_t kLeastMtu = 68; // RFC 2132, 5.1
static constexpr uint32_t kDefaultLifetime = 3600;

static bool is_host_address(const IpAddress& address) {
    uint8_t first = address.bytes[0];
    return first != 0 && first != 127 && first < 224;
}

/// The mask that an address of this class has when the server names none (RFC 2131 leaves it to the client).
static unsigned class_prefix(const IpAddress& address) {
    uint8_t first = address.bytes[0];
    return first < 128 ? 8 : first < 192 ? 16 : 24;
}

namespace {

/// Takes the options one by one; each method leaves the lease alone when the option is absent.
class LeaseReader {
  public:
    LeaseReader(const DhcpMessage& message, Lease& lease) : message_(message), lease_(lease) {}

    Result<> read_essentials();
    void read_the_rest();

  private:
    const Bytes* find(uint8_t code) const {
        auto option = message_.options.find(code);
        return option == message_.options.end() ? nullptr : &option->second;
    }
    void ignore(uint8_t code, std::string_view why) {
        lease_.ignored.push_back(text("option ", code, " ", why));
    }
    std::optional<uint32_t> seconds_of(uint8_t code);
    void read_mask();
    void read_times();
    void read_addresses(uint8_t code, std::vector<IpAddress>& addresses);
    void read_broadcast();
    void read_name(uint8_t code, std::string& name);
    void read_text(uint8_t code, std::string& value);
    void read_mtu();
    void read_search();
    void read_routes();

    const DhcpMessage& message_;
    Lease& lease_;
};

} // namespace

Result<> LeaseReader::read_essentials() {
    lease_.address = message_.your_address;
    if (!is_host_address(lease_.address))
        return permanent_error("the address ", lease_.address.to_text(), " is not a host address");
    std::optional<IpAddress> server = message_.address_option(dhcp_option::kServer);
    if (!server || !is_host_address(*server)) {
        if (!is_host_address(message_.next_server))
            return permanent_error("option 54 (server) is missing or not an address");
        ignore(dhcp_option::kServer, "(server) is missing or not an address; using the next server (siaddr)");
        server = message_.next_server;
    }
    lease_.server = *server;
    read_mask();
    read_times();
    return {};
}

void LeaseReader::read_mask() {
    lease_.prefix_length = class_prefix(lease_.address);
    const Bytes* option = find(dhcp_option::kSubnetMask);
    if (!option) return;
    uint32_t mask = option->size() == 4 ? load_be32(option->data()) : 0;
    int ones = std::countl_one(mask);
    if (ones > 0 && std::popcount(mask) == ones)
        lease_.prefix_length = static_cast<unsigned>(ones);
    else
        ignore(dhcp_option::kSubnetMask, text("(subnet mask) is '", hex(*option),
                                              "'; using a prefix length of ", lease_.prefix_length));
}

std::optional<uint32_t> LeaseReader::seconds_of(uint8_t code) {
    const Bytes* option = find(code);
    if (!option) return std::nullopt;
    if (option->size() == 4) return load_be32(option->data());
    ignore(code, text("has ", option->size(), " bytes, not 4"));
    return std::nullopt;
}

/// Without T1 and T2, or with such that are not in order, they are a half and 7/8 of the lifetime (RFC 2131,
/// 4.4.5).
void LeaseReader::read_times() {
    uint32_t whole = seconds_of(dhcp_option::kLifetime).value_or(0);
    if (whole == kForEver) return;
    if (whole == 0) {
        ignore(dhcp_option::kLifetime, "(lifetime) is missing or 0; using one hour");
        whole = kDefaultLifetime;
    }
    uint32_t rebinding = seconds_of(dhcp_option::kRebindingTime).value_or(0);
    uint32_t renewal = seconds_of(dhcp_option::kRenewalTime).value_or(0);
    if (rebinding == 0 || rebinding >= whole) rebinding = whole - whole / 8;
    if (renewal == 0 || renewal >= rebinding) renewal = std::min(whole / 2, rebinding);
    lease_.lifetime = seconds(whole);
    lease_.renewal_time = seconds(renewal);
    lease_.rebinding_time = seconds(rebinding);
}

void LeaseReader::read_the_rest() {
    read_broadcast();
    read_addresses(dhcp_option::kRouters, lease_.routers);
    read_addresses(dhcp_option::kNameServers, lease_.name_servers);
    read_addresses(dhcp_option::kTimeServers, lease_.time_servers);
    read_name(dhcp_option::kHostName, lease_.host_name);
    read_name(dhcp_option::kDomain, lease_.domain);
    read_text(dhcp_option::kRootPath, lease_.root_path);
    lease_.boot_file = message_.boot_file;
    read_text(dhcp_option::kBootFile, lease_.boot_file);
    read_mtu();
    read_search();
    read_routes();
}

void LeaseReader::read_addresses(uint8_t code, std::vector<IpAddress>& addresses) {
    const Bytes* option = find(code);
    if (!option) return;
    if (option->empty() || option->size() % 4 != 0)
        return ignore(code, text("has ", option->size(), " bytes, not a multiple of 4"));
    for (size_t i = 0; i < option->size(); i += 4) {
        IpAddress address = IpAddress::v4(ByteView(*option).subspan(i, 4));
        bool is_new = std::ranges::find(addresses, address) == addresses.end();
        if (is_host_address(address) && is_new) addresses.push_back(address);
    }
}

void LeaseReader::read_broadcast() {
    if (lease_.prefix_length > 30) return; // RFC 3021: a link of two has none
    uint32_t hosts = 0xffffffffu >> lease_.prefix_length;
    std::array<uint8_t, 4> bytes = {};
    store_be32(bytes.data(), load_be32(lease_.address.bytes.data()) | hosts);
    lease_.broadcast = IpAddress::v4(bytes);
    if (!find(dhcp_option::kBroadcast)) return;
    std::optional<IpAddress> told = message_.address_option(dhcp_option::kBroadcast);
    if (!told || told->is_unspecified()) return ignore(dhcp_option::kBroadcast, "is not a broadcast address");
    lease_.broadcast = told;
}

void LeaseReader::read_text(uint8_t code, std::string& value) {
    const Bytes* option = find(code);
    if (!option) return;
    std::string told(option->begin(), option->end());
    while (told.ends_with('\0')) // some servers count the terminator
        told.pop_back();
    bool is_text =
        std::ranges::all_of(told, [](char c) { return static_cast<uint8_t>(c) >= ' ' && c != 127; });
    if (told.empty() || !is_text) return ignore(code, told.empty() ? "is empty" : "is not text");
    value = told;
}

void LeaseReader::read_name(uint8_t code, std::string& name) {
    std::string told;
    read_text(code, told);
    if (told.empty()) return;
    if (!is_domain_name(told)) return ignore(code, text("is '", told, "', not a valid name"));
    name = told;
}

void LeaseReader::read_mtu() {
    const Bytes* option = find(dhcp_option::kMtu);
    if (!option) return;
    if (option->size() != 2) return ignore(dhcp_option::kMtu, text("has ", option->size(), " bytes, not 2"));
    uint16_t mtu = load_be16(option->data());
    if (mtu < kLeastMtu) return ignore(dhcp_option::kMtu, text("is an MTU of ", mtu));
    lease_.mtu = mtu;
}

void LeaseReader::read_search() {
    const Bytes* option = find(dhcp_option::kSearch);
    if (!option) return;
    Result<std::vector<std::string>> names = decode_domain_names(*option);
    if (!names) return ignore(dhcp_option::kSearch, "is invalid: " + names.error().what);
    lease_.search = *names;
}

/// RFC 3442: a prefix length, as many bytes of the destination as it needs, a gateway.
static Result<std::vector<ClasslessRoute>> decode_classless_routes(ByteView bytes) {
    std::vector<ClasslessRoute> routes;
    while (!bytes.empty()) {
        unsigned prefix_length = bytes[0];
        size_t significant = (prefix_length + 7) / 8;
        if (prefix_length > 32) return permanent_error("has a prefix length of ", prefix_length);
        if (bytes.size() < 1 + significant + 4) return permanent_error("is truncated");
        ClasslessRoute route;
        route.prefix_length = prefix_length;
        std::copy_n(&bytes[1], significant, route.destination.bytes.begin());
        // Bits behind the prefix have no meaning, and the kernel refuses them.
        uint32_t mask = prefix_length == 0 ? 0 : 0xffffffffu << (32 - prefix_length);
        uint8_t* destination = route.destination.bytes.data();
        store_be32(destination, load_be32(destination) & mask);
        route.gateway = IpAddress::v4(bytes.subspan(1 + significant, 4));
        routes.push_back(route);
        bytes = bytes.subspan(1 + significant + 4);
    }
    return routes;
}

void LeaseReader::read_routes() {
    const Bytes* option = find(dhcp_option::kClasslessRoutes);
    if (!option) return;
    Result<std::vector<ClasslessRoute>> routes = decode_classless_routes(*option);
    if (!routes) return ignore(dhcp_option::kClasslessRoutes, routes.error().what);
    if (routes->empty()) return ignore(dhcp_option::kClasslessRoutes, "is empty");
    lease_.routes = *routes;
    lease_.routers.clear(); // RFC 3442: option 3 is to be ignored then
}

Result<Lease> read_lease(const DhcpMessage& message) {
    Lease lease;
    lease.next_server = message.next_server;
    lease.options = message.options;
    lease.ignored = message.ignored;
    LeaseReader reader(message, lease);
    TRY(reader.read_essentials());
    reader.read_the_rest();
    return lease;
}

} // namespace mangrove
