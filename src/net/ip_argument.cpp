#include "net/ip_argument.h"

#include <algorithm>
#include <bit>

#include "base/byte_order.h"
#include "net/domain_names.h"

namespace mangrove {

static constexpr uint64_t kLeastMtu = 68;
static constexpr uint64_t kLargestMtu = 65535;
static constexpr size_t kLongestInterfaceName = 15;

namespace {

/// Reads the fields of one `ip=`.
class IpReader {
  public:
    explicit IpReader(IpArgument& argument) : argument_(argument) {}
    void read(std::string_view value);

  private:
    template <typename... Parts>
    void ignore(size_t field, std::string_view name, const Parts&... parts) {
        argument_.ignored.push_back(
            text(argument_.written, ": ", name, " (field ", field + 1, "): ", parts...));
    }
    const std::string& field(size_t index) const;
    bool is_missing(size_t index) const;
    std::optional<IpAddress> address(size_t index, std::string_view name);
    void read_interface(size_t index);
    void read_methods(size_t index);
    bool read_method(const std::string& method);
    void read_long_form();
    void read_fixed(const IpAddress& address);
    unsigned prefix_length(const IpAddress& address);
    void read_tail(size_t first);
    void read_mtu_and_mac(size_t first);

    IpArgument& argument_;
    std::vector<std::string> fields_;
};

} // namespace

/// The fields between colons; an IPv6 address in brackets is one field.
static std::vector<std::string> split_fields(std::string_view value) {
    std::vector<std::string> fields(1);
    bool in_brackets = false;
    for (char c : value) {
        if (c == '[') in_brackets = true;
        if (c == ']') in_brackets = false;
        if (c == ':' && !in_brackets)
            fields.emplace_back();
        else
            fields.back() += c;
    }
    return fields;
}

/// An address can have its prefix length behind it.
static std::string without_prefix(const std::string& field) {
    return field.substr(0, field.find('/'));
}

const std::string& IpReader::field(size_t index) const {
    static const std::string nothing;
    return index < fields_.size() ? fields_[index] : nothing;
}

/// PXELINUX and the kernel write 0.0.0.0 for none.
bool IpReader::is_missing(size_t index) const {
    std::optional<IpAddress> address = IpAddress::parse(without_prefix(field(index)));
    return field(index).empty() || (address && address->is_unspecified());
}

std::optional<IpAddress> IpReader::address(size_t index, std::string_view name) {
    if (is_missing(index)) return std::nullopt;
    std::optional<IpAddress> address = IpAddress::parse(without_prefix(field(index)));
    if (!address) ignore(index, name, "'", field(index), "' is not an IP address");
    return address;
}

Result<std::string> parse_interface(const std::string& field, std::string_view name) {
    bool has_odd_character =
        std::ranges::any_of(field, [](char c) { return c <= ' ' || c == '/' || c == 127; });
    bool is_mac = MacAddress::parse(field).has_value();
    if ((field.size() > kLongestInterfaceName && !is_mac) || has_odd_character || field == "."
        || field == "..")
        return permanent_error(name, ": '", field, "' is not a valid interface name");
    return field;
}

void IpReader::read_interface(size_t index) {
    // MAAS and Debian's initramfs-tools: the card of BOOTIF=.
    if (field(index) == "BOOTIF") return;
    Result<std::string> interface = parse_interface(field(index), "");
    if (interface)
        argument_.interface = *interface;
    else
        ignore(index, "interface", "'", field(index), "' is not a valid interface name");
}

/// "none", "off" and "static" leave the interface to its fixed address. Returns whether it is known.
bool IpReader::read_method(const std::string& method) {
    using Ipv6 = IpArgument::Ipv6;
    constexpr std::string_view kDhcp[] = {"dhcp", "dhcp4", "on", "any", "single-dhcp", "bootp", "both"};
    constexpr std::string_view kOff[] = {"none", "off", "static"};
    bool is_auto = method == "auto"; // NetworkManager's: whichever of both there is
    bool is_dhcp = is_auto || std::ranges::find(kDhcp, method) != std::end(kDhcp);
    Ipv6 ipv6 = is_auto || method == "either6" ? Ipv6::either6
                : method == "dhcp6"            ? Ipv6::dhcp6
                : method == "auto6"            ? Ipv6::auto6
                                               : Ipv6::none;
    if (is_dhcp) argument_.dhcp = true;
    if (ipv6 != Ipv6::none) argument_.ipv6 = ipv6;
    return is_dhcp || ipv6 != Ipv6::none || std::ranges::find(kOff, method) != std::end(kOff);
}

void IpReader::read_methods(size_t index) {
    static const std::vector<std::string> known = {"any",  "auto", "auto6", "dhcp",   "dhcp6",      "either6",
                                                   "none", "off",  "on",    "static", "single-dhcp"};
    std::vector<std::string> methods = split(field(index), ',');
    // nfsroot.rst: dhcp,TYPE,VALUE of the client identifier.
    if (methods.size() == 3 && methods[0] == "dhcp" && parse_number(methods[1])) {
        ignore(index, "method", "not used: the client identifier is always the hardware address");
        methods.resize(1);
    }
    for (const std::string& method : methods) {
        if (method.empty() || read_method(method)) continue;
        bool is_other = method == "link6" || method == "link-local" || method == "ibft" || method == "fw"
                        || method == "rarp";
        ignore(index, "method", "'", method, "' is ",
               is_other ? std::string("not in this build") : "unknown" + did_you_mean(method, known),
               "; using DHCP");
        argument_.dhcp = true;
    }
}

/// `[:[mtu][:mac]]`: the fields from `first` on. A MAC address with colons is six of them.
void IpReader::read_mtu_and_mac(size_t first) {
    if (!field(first).empty()) {
        std::optional<uint64_t> mtu = parse_number(field(first));
        if (mtu && *mtu >= kLeastMtu && *mtu <= kLargestMtu)
            argument_.mtu = static_cast<uint32_t>(*mtu);
        else
            ignore(first, "MTU", "'", field(first), "' is not a number from ", kLeastMtu, " to ",
                   kLargestMtu);
    }
    if (fields_.size() <= first + 1) return;
    std::string written = join({fields_.begin() + static_cast<ptrdiff_t>(first) + 1, fields_.end()}, ":");
    argument_.mac = MacAddress::parse(written);
    bool is_empty = written.find_first_not_of(':') == std::string::npos;
    if (!argument_.mac && !is_empty) ignore(first + 1, "MAC address", "'", written, "' is not a MAC address");
}

/// The fields behind the method: name servers and a time server (nfsroot.rst) if one is an address.
void IpReader::read_tail(size_t first) {
    bool has_addresses = false;
    for (size_t i = first; i < fields_.size(); ++i)
        has_addresses = has_addresses || IpAddress::parse(field(i));
    if (!has_addresses) return read_mtu_and_mac(first);
    for (size_t i = first; i < first + 2; ++i)
        if (std::optional<IpAddress> server = address(i, "name server"))
            argument_.name_servers.push_back(*server);
    if (!is_missing(first + 2)) ignore(first + 2, "time server", "'", field(first + 2), "' is not used");
}

std::optional<unsigned> parse_netmask(const std::string& written, IpAddress::Family family) {
    std::optional<uint64_t> length = parse_number(written);
    if (length && *length <= (family == IpAddress::Family::v4 ? 32u : 128u))
        return static_cast<unsigned>(*length);
    std::optional<IpAddress> mask = IpAddress::parse(written);
    if (!mask || family != IpAddress::Family::v4 || mask->family != family) return std::nullopt;
    uint32_t bits = load_be32(mask->bytes.data());
    int ones = std::countl_one(bits);
    if (std::popcount(bits) != ones) return std::nullopt;
    return static_cast<unsigned>(ones);
}

/// Of IPv4 that of the address's class, as the kernel has it, where none is written.
unsigned IpReader::prefix_length(const IpAddress& address) {
    bool is_v4 = address.family == IpAddress::Family::v4;
    unsigned longest = is_v4 ? 32 : 128;
    uint8_t first = address.bytes[0];
    unsigned by_default = !is_v4 ? 64 : first < 128 ? 8 : first < 192 ? 16 : 24;
    std::string written = field(3);
    size_t slash = field(0).find('/');
    if (is_missing(3)) written = slash == std::string::npos ? "" : field(0).substr(slash + 1);
    if (written.empty()) return by_default;
    std::optional<unsigned> length = parse_netmask(written, address.family);
    if (length && *length >= 1) return *length;
    ignore(3, "netmask", "'", written, "' is neither a netmask nor a prefix length from 1 to ", longest, "; ",
           by_default, " is used");
    return by_default;
}

void IpReader::read_fixed(const IpAddress& own) {
    FixedAddress fixed = {own, prefix_length(own), {}, {}};
    auto is_of_other_version = [&](const std::optional<IpAddress>& other, size_t index,
                                   std::string_view name) {
        bool is_other = other && other->family != own.family;
        if (is_other)
            ignore(index, name, other->to_text(), " and ", own.to_text(), " are of different IP versions");
        return is_other;
    };
    std::optional<IpAddress> peer = address(1, "peer");
    // The kernel and PXELINUX have the boot server there. One of the same network is no other end.
    bool is_server = fields_.size() <= 4
                     || (peer && fixed.prefix_length < own.view().size() * 8 - 1
                         && is_in_same_network(*peer, own, fixed.prefix_length));
    if (!is_of_other_version(peer, 1, "peer") && !is_server) fixed.peer = peer;
    std::optional<IpAddress> gateway = address(2, "gateway");
    if (!is_of_other_version(gateway, 2, "gateway")) fixed.gateway = gateway;
    argument_.fixed.push_back(fixed);
}

void IpReader::read_long_form() {
    read_methods(6);
    bool is_left_to_us = argument_.is_off();
    std::optional<IpAddress> own = address(0, "client address");
    if (own && is_left_to_us)
        read_fixed(*own);
    else if (own)
        ignore(0, "client address", own->to_text(), " is not used, as the method (field 7) asks for one");
    else if (field(6).empty() || (!is_missing(0) && is_left_to_us))
        argument_.dhcp = true;
    read_interface(5);
    if (field(4).empty() || is_domain_name(field(4)))
        argument_.host_name = field(4);
    else
        ignore(4, "host name", "'", field(4), "' is not a host name");
    read_tail(7);
    bool is_gateway_alone = !own && is_missing(0) && field(6).empty() && argument_.interface.empty();
    if (!is_gateway_alone) return;
    argument_.gateway = address(2, "gateway");
    // OpenShift's ip=::192.0.2.1:::: is about nothing else.
    if (argument_.gateway) argument_.dhcp = false;
}

void IpReader::read(std::string_view value) {
    fields_ = split_fields(value);
    auto is_address = [&](size_t index) {
        return IpAddress::parse(without_prefix(field(index))).has_value();
    };
    bool is_word = fields_.size() == 1 && !is_address(0);
    if (is_word) {
        read_methods(0);
        argument_.dhcp = argument_.dhcp || value.empty();
        return;
    }
    bool begins_with_interface = !field(0).empty() && !is_address(0);
    bool continues_with_method = !field(1).empty() && !is_address(1);
    if (!begins_with_interface || (!continues_with_method && fields_.size() >= 4)) return read_long_form();
    read_interface(0);
    read_methods(1);
    argument_.dhcp = argument_.dhcp || field(1).empty();
    read_mtu_and_mac(2);
}

IpArgument parse_ip_argument(std::string_view value) {
    IpArgument argument;
    argument.written = text("ip=", value);
    IpReader(argument).read(value);
    return argument;
}

} // namespace mangrove
