#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "net/ip_argument.h"

using namespace mangrove;

static void require(bool holds) {
    if (!holds) std::abort();
}

static void check(const IpArgument& argument) {
    require(argument.interface.size() <= 17 && argument.interface.find('/') == std::string::npos);
    for (const FixedAddress& fixed : argument.fixed) {
        unsigned longest = fixed.address.family == IpAddress::Family::v4 ? 32 : 128;
        require(fixed.prefix_length >= 1 && fixed.prefix_length <= longest);
        require(!fixed.address.is_unspecified() && (!fixed.gateway || !fixed.gateway->is_unspecified()));
        require(!fixed.gateway || fixed.gateway->family == fixed.address.family);
    }
    auto is_empty = [](const std::string& problem) { return problem.empty(); };
    require(std::ranges::none_of(argument.ignored, is_empty));
}

/// Whatever stands behind `ip=` and its relatives: values that can be given to the kernel.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string_view value(reinterpret_cast<const char*>(data), size);
    check(parse_ip_argument(value));
    Result<NetworkArguments> arguments = parse_network_arguments(KernelCommandLine::parse(value));
    if (!arguments) return 0;
    for (const IpArgument& each : arguments->interfaces)
        check(each);
    for (const RouteArgument& route : arguments->routes)
        require(route.prefix_length <= route.destination.view().size() * 8);
    return 0;
}
