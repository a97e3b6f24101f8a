#include "net/node_url.h"

#include <algorithm>
#include <iterator>

#include "base/placeholders.h"
#include "machine/machine_identity.h"

namespace mangrove {

namespace {

/// Empty where the node has none.
using NodeValue = Result<std::string> (*)(System&, const NetworkConfiguration&);

enum class Needs { nothing, network };

struct Placeholder {
    std::string_view name;
    std::string_view meaning; ///< completes "this node has no …"
    Needs needs;
    NodeValue value;
};

Result<std::string> mac(System&, const NetworkConfiguration& network) {
    return network.first().link.mac.to_text();
}

Result<std::string> uuid(System& system, const NetworkConfiguration&) {
    return machine_uuid(system);
}

Result<std::string> serial(System& system, const NetworkConfiguration&) {
    Result<std::string> number = system.read_file("/sys/class/dmi/id/product_serial");
    return number ? std::string(trim(*number)) : std::string();
}

Result<std::string> host_name(System&, const NetworkConfiguration& network) {
    return network.host_name;
}

Result<std::string> address(System&, const NetworkConfiguration& network) {
    const std::vector<InterfaceAddress>& addresses = network.first().addresses;
    return addresses.empty() ? std::string() : addresses.front().address.to_text();
}

constexpr Placeholder kValues[] = {
    {"{mac}", "hardware address", Needs::network, mac},
    {"{uuid}", "UUID", Needs::nothing, uuid},
    {"{serial}", "serial number", Needs::nothing, serial},
    {"{hostname}", "host name", Needs::nothing, host_name},
    {"{ip}", "address", Needs::network, address},
};
static_assert(std::ranges::equal(kValues, kPlaceholders, {}, &Placeholder::name));

/// As it may stand in the path of a URL (RFC 3986, pchar).
std::string percent_encoded(std::string_view value) {
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:";
    std::string encoded;
    for (char c : value) {
        auto byte = static_cast<uint8_t>(c);
        encoded += kPlain.find(c) == std::string_view::npos ? "%" + hex({&byte, 1}) : std::string(1, c);
    }
    return encoded;
}

} // namespace

Result<std::string> node_url(System& system, const std::optional<NetworkConfiguration>& network,
                             std::string_view written) {
    return fill_in(written, [&](std::string_view name) -> Result<std::string> {
        const Placeholder& placeholder = *std::ranges::find(kValues, name, &Placeholder::name);
        if (placeholder.needs == Needs::network && !network)
            return permanent_error(name, ": this boot used no network");
        std::string value = TRY(placeholder.value(system, network.value_or(NetworkConfiguration())));
        if (value.empty()) return permanent_error(name, ": this node has no ", placeholder.meaning);
        return percent_encoded(value);
    });
}

} // namespace mangrove
