#include <cstdlib>
#include <string_view>

#include "net/ip_argument.h"

using namespace mangrove;

/// Whatever stands behind `ip=`: an error that names the argument, or values that can be given to the kernel.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string_view value(reinterpret_cast<const char*>(data), size);
    Result<IpArgument> argument = parse_ip_argument(value);
    if (!argument) {
        if (argument.error().what.empty() || argument.error().while_doing.empty()) std::abort();
        return 0;
    }
    bool is_v4 = argument->address.family == IpAddress::Family::v4;
    if (argument->prefix_length > (is_v4 ? 32u : 128u)) std::abort();
    if (argument->method == IpArgument::Method::fixed && argument->prefix_length == 0) std::abort();
    if (argument->interface.size() > 15 || argument->interface.find('/') != std::string::npos) std::abort();
    return 0;
}
