#include "head/host/address.h"

#include <algorithm>
#include <arpa/inet.h>

namespace mangrove::head {

namespace {

constexpr std::string_view kLettersOfNames =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

bool is_name(const std::string& host) {
    std::string whole = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
    return whole.size() <= 253 && std::ranges::all_of(split(whole, '.'), [](const std::string& label) {
               return !label.empty() && label.size() <= 63 && !label.starts_with('-')
                      && label.find_first_not_of(kLettersOfNames) == std::string::npos;
           });
}

/// One that no interface can have.
bool is_for_groups(const std::string& host) {
    in_addr four = {};
    in6_addr six = {};
    if (::inet_pton(AF_INET, host.c_str(), &four) == 1) {
        uint32_t number = ntohl(four.s_addr);
        return number == INADDR_ANY || IN_MULTICAST(number) || number == INADDR_BROADCAST;
    }
    return ::inet_pton(AF_INET6, host.c_str(), &six) == 1
           && (IN6_IS_ADDR_UNSPECIFIED(&six) || IN6_IS_ADDR_MULTICAST(&six));
}

} // namespace

bool is_ip_address(const std::string& host) {
    unsigned char parsed[sizeof(in6_addr)];
    return ::inet_pton(AF_INET, host.c_str(), parsed) == 1
           || ::inet_pton(AF_INET6, host.c_str(), parsed) == 1;
}

Result<> check_host(const char* option, const std::string& host) {
    if (is_for_groups(host))
        return permanent_error(option, ": '", host, "' is an address that no machine can have");
    if (is_ip_address(host)) return {};
    bool looks_like_an_address = host.find_first_not_of("0123456789.") == std::string::npos;
    if (looks_like_an_address || !is_name(host))
        return permanent_error(option, ": '", host, "' is neither an IP address nor the name of a host");
    return {};
}

std::string host_warning(Host& machine, const char* option, const std::string& host) {
    if (!is_ip_address(host))
        return text(option, ": nodes need a name server to look up '", host,
                    "' (DHCP option 6); an IP address needs none");
    std::vector<std::string> own = machine.addresses();
    if (std::ranges::find(own, host) != own.end()) return {};
    return text(option, ": no interface of this machine has the address ", host);
}

} // namespace mangrove::head
