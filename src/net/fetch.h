#pragma once

#include <string>

#include "base/result.h"
#include "system/downloads.h"
#include "system/system.h"

namespace mangrove {

/// Where the initramfs has the certificates of the authorities that https servers are judged by, unless
/// `mangrove.ca=` names another file.
inline constexpr const char* kAuthorities = "/etc/mangrove/ca.pem";

/// The file that has them; an error when there is none.
Result<std::string> find_authorities(System& system);

/// Fetches a file over http, https, tftp or from the initramfs (file) and passes it to the sink in pieces.
/// Redirects are followed, other than from https to http; a server that is overloaded and says for how long
/// is asked again then. Errors begin with the URL, without its password: transient when the server is away,
/// silent or in trouble (5xx), permanent when it refuses (4xx) or its certificate does not fit.
/// With a time limit (0: none) no request takes longer; without one, a file whose connection is lost on the
/// way goes on where it ended, where the server can tell that it is the same (ETag, Last-Modified).
Result<> fetch(System& system, const std::string& url, milliseconds time_limit, const DownloadSink& sink);

/// All of it as a text of at most so many bytes.
Result<std::string> fetch_text(System& system, const std::string& url, milliseconds time_limit,
                               size_t byte_limit);

struct Posting {
    std::string json;
    std::string authorities = {}; ///< for https: a file of certificates; empty: those of the initramfs
    milliseconds time_limit{0};
};

/// Posts to a URL (http or https) what any answer of the 2xx acknowledges. Redirects are not followed; else
/// as `fetch`.
Result<> post_json(System& system, const std::string& url, const Posting& posting);

} // namespace mangrove
