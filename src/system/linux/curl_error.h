#pragma once

#include <curl/curl.h>
#include <string>

#include "base/result.h"
#include "system/clock.h"

namespace mangrove {

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

} // namespace mangrove
