#pragma once

#include "system/network.h"

namespace mangrove {

/// What the routers on a link tell of looking up names, in the options RDNSS (25) and DNSSL (31) of their
/// advertisements (RFC 8106). The kernel, which makes addresses and routes of the rest, passes these on.
struct ResolverAdvice {
    std::vector<IpAddress> name_servers; ///< none of the link alone: they cannot be told without it
    std::vector<std::string> search;
    std::vector<std::string> ignored; ///< options that made no sense, a sentence each

    /// What is told is added, what has a lifetime of zero taken away. Other options are left out.
    void take(ByteView options);
};

} // namespace mangrove
