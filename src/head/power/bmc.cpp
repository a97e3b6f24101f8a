#include "head/power/bmc.h"

#include <algorithm>
#include <string_view>

#include "head/nodes/objects.h"

namespace mangrove::head {

namespace {

/// The values become arguments of programs and parts of URLs.
bool has_only(std::string_view value, std::string_view others) {
    return std::ranges::all_of(value, [&](unsigned char letter) {
        return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'z')
               || (letter >= 'A' && letter <= 'Z') || others.contains(static_cast<char>(letter));
    });
}

Result<HostPort> address_from(const std::string& written) {
    std::optional<HostPort> address = split_host_port(written);
    if (!address || address->host.starts_with('-') || !has_only(address->host, ".-_:"))
        return permanent_error("bmc.address: expected HOST or HOST:PORT, got ", quoted_name(written));
    return *address;
}

Result<> check_text(const char* field, const std::string& value) {
    bool has_control = std::ranges::any_of(value, [](unsigned char letter) { return letter < ' '; });
    if (has_control) return permanent_error(field, ": has a control character");
    return {};
}

Result<> check_bmc(const Bmc& bmc) {
    TRY(check_text("bmc.user", bmc.user));
    TRY(check_text("bmc.ca", bmc.ca));
    if (bmc.system.starts_with('-') || !has_only(bmc.system, "._-"))
        return permanent_error("bmc.system: expected a name of letters, digits, '.', '_' and '-', got ",
                               quoted_name(bmc.system));
    if (bmc.kind == "powerman") return {};
    if (bmc.secret.empty()) return permanent_error("bmc.secret is missing; mangrovectl secret set NAME");
    if (bmc.user.empty() && bmc.kind == "redfish") return permanent_error("bmc.user is missing");
    return {};
}

} // namespace

Result<std::optional<Bmc>> bmc_of(const Inventory& inventory, const std::string& node) {
    ResolvedNode resolved = inventory.resolve(*TRY(inventory.get("node", node)));
    const cJSON* fields = cJSON_GetObjectItemCaseSensitive(resolved.fields.get(), "bmc");
    std::string address = text_at(fields, "address");
    // A group may have the user and the secret of nodes of which some have no BMC.
    if (address.empty()) return std::nullopt;
    Bmc bmc{.node = node,
            .kind = text_at(fields, "kind"),
            .address = TRY(address_from(address)),
            .user = text_at(fields, "user"),
            .secret = text_at(fields, "secret"),
            .ca = text_at(fields, "ca"),
            .system = text_at(fields, "system"),
            .uuid = text_at(resolved.fields.get(), "uuid")};
    if (bmc.kind.empty()) return permanent_error("bmc.kind is missing; expected ipmi, redfish or powerman");
    TRY(check_bmc(bmc));
    return bmc;
}

bool has_bmc(const Inventory& inventory, const std::string& node) {
    Result<std::optional<Bmc>> bmc = bmc_of(inventory, node);
    return bmc && *bmc;
}

} // namespace mangrove::head
