#pragma once

#include <string>

#include "base/result.h"
#include "system/downloads.h"
#include "system/system.h"

namespace mangrove {

/// The file of the initramfs with the CA certificates for https, unless `mangrove.ca=` names another.
inline constexpr const char* kAuthorities = "/etc/mangrove/ca.pem";

/// Sets the clock of a machine that has lost its time to the date of this program: it would find every
/// certificate not yet valid.
Result<> mend_clock(System& system);

/// Returns the file with the CA certificates; fails when it does not exist.
Result<std::string> find_authorities(System& system);

/// Fetches a file over http, https, tftp or from the initramfs (file) and passes it to the sink in pieces.
/// Redirects are followed, other than from https to http; a server that is overloaded and says for how long
/// is asked again then. Errors begin with the URL, without its password: transient when the server is away,
/// silent or in trouble (5xx), permanent when it refuses (4xx) or its certificate does not fit.
/// With a time limit (0: none) no request takes longer; without one, a file whose connection is lost on the
/// way goes on where it ended, where the server can tell that it is the same (ETag, Last-Modified).
Result<> fetch(System& system, const std::string& url, milliseconds time_limit, const DownloadSink& sink);

/// Fetches a file as a text of at most `byte_limit` bytes.
Result<std::string> fetch_text(System& system, const std::string& url, milliseconds time_limit,
                               size_t byte_limit);

/// A file of which a version is known already, and the server's answer to the question for another one.
struct Update {
    enum class Outcome { changed, unchanged, missing, failed };
    Outcome outcome = Outcome::failed;
    std::string version = {}; ///< of the file that came; empty: the server gives none
    seconds retry_after{0};   ///< how long the server asks to be left alone
    std::optional<Error> error = {};
};

/// Fetches a file over http or https if it is another version than `known`, in one request and those that
/// redirects make of it; otherwise as `fetch`.
Update fetch_update(System& system, const std::string& url, const std::string& known,
                    const std::string& authorities, const DownloadSink& sink);

struct Posting {
    std::string json;
    std::string authorities = {}; ///< for https: a file of certificates; empty: those of the initramfs
    milliseconds time_limit{0};
    size_t most_of_answer = 1024; ///< bytes that are kept of it
};

/// Posts to a URL (http or https); any answer of the 2xx is a success. Does not follow redirects; otherwise
/// as `fetch`.
Result<> post_json(System& system, const std::string& url, const Posting& posting);
/// As post_json. Returns the answer, where its status is 200, as far as it is kept.
Result<std::string> post_for_answer(System& system, const std::string& url, const Posting& posting);

} // namespace mangrove
