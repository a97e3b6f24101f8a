#include "net/url.h"
#include "net/fetch.h"
#include "source/source.h"
#include "system/machine_identity.h"

// The sources `http://…`, `https://…` and `tftp://…`: a definition from a server. {mac}, {uuid}, {serial},
// {hostname} and {ip} in the URL stand for those of this node.

namespace mangrove {

namespace {

constexpr size_t kLargestDefinition = 1 << 20;
constexpr seconds kTimeToFetch{60};

/// Empty where the node has none.
using PlaceholderValue = Result<std::string> (*)(Search&);

struct Placeholder {
    std::string_view name;
    std::string_view meaning; ///< completes "this node has no …"
    PlaceholderValue value;
};

Result<std::string> mac(Search& search) {
    return search.network->first().link.mac.to_text();
}

Result<std::string> uuid(Search& search) {
    MachineIdentity identity = TRY(machine_identity(search.system));
    return identity.origin == "UUID" ? identity.text : std::string();
}

Result<std::string> serial(Search& search) {
    Result<std::string> number = search.system.read_file("/sys/class/dmi/id/product_serial");
    return number ? std::string(trim(*number)) : std::string();
}

Result<std::string> host_name(Search& search) {
    return search.network->host_name;
}

Result<std::string> address(Search& search) {
    const std::vector<InterfaceAddress>& addresses = search.network->first().addresses;
    return addresses.empty() ? std::string() : addresses.front().address.to_text();
}

constexpr Placeholder kPlaceholders[] = {
    {"{mac}", "hardware address", mac},    {"{uuid}", "UUID", uuid},
    {"{serial}", "serial number", serial}, {"{hostname}", "host name", host_name},
    {"{ip}", "address", address},
};

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

Result<std::string> value_of(Search& search, std::string_view name) {
    std::vector<std::string> names;
    for (const Placeholder& placeholder : kPlaceholders) {
        names.emplace_back(placeholder.name);
        if (placeholder.name != name) continue;
        std::string value = TRY(placeholder.value(search));
        if (value.empty()) return permanent_error(name, ": this node has no ", placeholder.meaning);
        return percent_encoded(value);
    }
    return permanent_error("'", name, "' stands for nothing; there are ", join(names, ", "));
}

Result<std::string> fill_in(Search& search, std::string_view source) {
    std::string filled;
    for (;;) {
        size_t begin = source.find('{');
        filled += source.substr(0, begin);
        if (begin == std::string_view::npos) return filled;
        size_t end = source.find('}', begin);
        if (end == std::string_view::npos) return permanent_error("a '{' without '}'");
        filled += TRY(value_of(search, source.substr(begin, end + 1 - begin)));
        source.remove_prefix(end + 1);
    }
}

} // namespace

Result<Found> find_at_url(Search& search, const std::string& source) {
    TRY(need_network(search));
    std::string filled = TRY(fill_in(search, source), "filling in ", shown_source(source));
    Url url = TRY(Url::parse(filled), "reading ", shown_source(source));
    Found found;
    found.text = TRY(fetch_text(search.system, filled, kTimeToFetch, kLargestDefinition));
    found.origin = url.shown();
    if (url.scheme != Url::Scheme::https) found.readers = "everybody on the network";
    // Another URL would be a redirect that escapes the rules for redirects.
    std::string_view text = trim(found.text);
    if (!text.starts_with("{"))
        return permanent_error(found.origin, " holds no definition: that begins with '{'");
    return found;
}

} // namespace mangrove
