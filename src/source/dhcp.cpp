#include "base/log.h"
#include "net/ip_argument.h"
#include "source/root_path.h"
#include "source/source.h"

// The source `dhcp`: what the DHCP server says beside the address (RFC 2132, parts put together as RFC 3396
// has it): in option 224, or the one that `mangrove.dhcp_option=` names, the definition or a source; without
// it, in option 17 a root-path (root_path.h). Of DHCPv6, the boot-file URL (option 59, RFC 5970).

namespace mangrove {

static constexpr std::string_view kReaders = "everybody on the network";

/// Empty when the option is missing. Some servers count a terminator.
static std::string option_text(const Lease& lease, uint8_t code) {
    auto option = lease.options.find(code);
    if (option == lease.options.end()) return {};
    std::string text(option->second.begin(), option->second.end());
    while (text.ends_with('\0'))
        text.pop_back();
    return text;
}

/// Nothing when this lease says nothing of a definition.
static Result<std::optional<Found>> find_in_lease(Search& search, const Lease& lease, uint8_t code) {
    std::string server = "of the DHCP server " + lease.server.to_text();
    std::string origin = text("option ", code, " ", server);
    std::string inside = option_text(lease, code);
    if (!trim(inside).empty()) return TRY(follow(search, {std::move(inside), origin, kReaders}));
    if (lease.options.contains(code)) log_warning(origin, " is empty, ignoring");
    if (lease.root_path.empty()) return std::optional<Found>();
    origin = text("option 17 (root-path) ", server);
    return Found{TRY(definition_from_root_path(lease, search.command_line), "reading ", origin), origin,
                 kReaders};
}

/// Nothing when the server says nothing of a definition.
static Result<std::optional<Found>> find_in_dhcp6(Search& search, const ConfiguredLink& link) {
    if (link.dhcp6->boot_file_url.empty()) return std::optional<Found>();
    std::string origin = text("option 59 (boot-file URL) of the DHCPv6 server on ", link.link.name);
    return TRY(follow(search, {link.dhcp6->boot_file_url, origin, kReaders}));
}

Result<Found> find_in_dhcp(Search& search, const std::string&) {
    uint8_t code = TRY(parse_definition_option(search.command_line));
    TRY(need_network(search));
    std::vector<std::string> told;
    for (const ConfiguredLink& link : search.boot.network->links) {
        if (link.lease) {
            if (std::optional<Found> found = TRY(find_in_lease(search, *link.lease, code)))
                return *std::move(found);
            told.push_back(text("the server ", link.lease->server.to_text(), " on ", link.link.name,
                                " sends neither option ", code, " nor option 17 (root-path)"));
        }
        if (link.dhcp6) {
            if (std::optional<Found> found = TRY(find_in_dhcp6(search, link))) return *std::move(found);
            told.push_back(
                text("the DHCPv6 server on ", link.link.name, " sends no option 59 (boot-file URL)"));
        }
        if (!link.lease && !link.dhcp6) told.push_back(text(link.link.name, " was not configured by DHCP"));
    }
    return permanent_error("no definition from DHCP: ", join(told, "; "));
}

} // namespace mangrove
