#pragma once

#include "system/network.h"

namespace mangrove {

/// What the routers on a link tell of looking up names, in the options RDNSS (25) and DNSSL (31) of their
/// advertisements (RFC 8106). The kernel, which makes addresses and routes of the rest, passes these on.
struct ResolverAdvice {
    std::vector<IpAddress> name_servers; ///< none of the link alone: they cannot be told without it
    std::vector<std::string> search;
    std::vector<std::string> ignored; ///< options that made no sense, a sentence each

    /// Adds what a router advertises, up to 16 of each kind, and removes what has a lifetime of zero. Other
    /// options are left out.
    void take(ByteView options);

  private:
    void ignore(std::string problem);
};

} // namespace mangrove
