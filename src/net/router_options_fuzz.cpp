#include <netinet/in.h>

#include <algorithm>
#include <cstdlib>

#include "net/domain_names.h"
#include "net/host_addresses.h"
#include "net/router_options.h"

using namespace mangrove;

/// Whatever a router sends: what is kept can stand in /etc/resolv.conf, and the same again changes nothing
/// unless there are more servers than are kept.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    bool may_all_be_kept = size < 16 * sizeof(in6_addr);
    ResolverAdvice advice;
    for (int round = 0; round < 2; ++round) {
        size_t servers = advice.name_servers.size();
        advice.take({data, size});
        if (round > 0 && may_all_be_kept && advice.name_servers.size() != servers) std::abort();
        if (!std::ranges::all_of(advice.name_servers, is_host_address)) std::abort();
        if (!std::ranges::all_of(advice.search, is_domain_name)) std::abort();
    }
    return 0;
}
