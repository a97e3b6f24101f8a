#pragma once

#include <curl/curl.h>
#include <string>
#include <vector>

#include "base/result.h"
#include "system/clock.h"
#include "system/network.h"

namespace mangrove {

/// Less is a server that holds the boot up: TFTP over a round trip of a second has more.
inline constexpr long kCurlLeastRate = 1024; // bytes a second

/// A transfer of libcurl that has failed.
struct CurlTransfer {
    CURL* handle = nullptr;
    const char* said = "";        ///< CURLOPT_ERRORBUFFER
    std::string authorities = {}; ///< the file of certificates
    bool is_http = true;
    milliseconds time_limit{0}; ///< 0: none
    seconds patience{30};
};

/// Returns what went wrong, in words: transient when the server is away or silent, permanent when it refuses.
Error curl_error(CURLcode outcome, const CurlTransfer& transfer);

/// Returns the entry of CURLOPT_RESOLVE that has the addresses of a host.
std::string curl_addresses(const std::string& host, uint16_t port, const std::vector<IpAddress>& addresses);

} // namespace mangrove
