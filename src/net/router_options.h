#pragma once

#include "system/network.h"

namespace mangrove {

/// The routers' advice on resolving names, from the options RDNSS (25) and DNSSL (31) of their advertisements
/// (RFC 8106). The kernel makes addresses and routes of the other options and passes these on.
struct ResolverAdvice {
    std::vector<IpAddress> name_servers; ///< none of the link alone: they cannot be told without it
    std::vector<std::string> search;
    std::vector<std::string> ignored; ///< options that made no sense, a sentence each

    /// Adds a router's advice, up to 16 entries of each kind, and removes entries with a lifetime of zero.
    /// Skips other options.
    void take(ByteView options);

  private:
    void ignore(std::string problem);
};

} // namespace mangrove
