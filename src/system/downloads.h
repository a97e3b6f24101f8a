#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "system/clock.h"
#include "system/network.h"
#include "system/ranges.h"

namespace mangrove {

struct DownloadRequest {
    std::string url = {};                  ///< http, https, tftp or file; may hold "user:password@"
    std::string host = {};                 ///< the host in it, when that is a name
    uint16_t port = 0;                     ///< and its port
    std::vector<IpAddress> addresses = {}; ///< of that name, tried in their order
    std::string authorities = {};          ///< https: a file with the certificates that are trusted (PEM)
    milliseconds time_limit{0};            ///< for all of it; 0: as long as it comes fast enough
    seconds patience{30};                  ///< with a server that is silent or sends next to nothing
    uint64_t offset = 0;                   ///< http and https: only what comes after so many bytes
    std::string version = {};              ///< the offset is in this one; without: any but this one
    std::optional<std::string> json = {};  ///< what is posted there (http and https); nothing: it is fetched
};

/// The server's answer without its body. Other protocols than HTTP have the status 200.
struct DownloadAnswer {
    unsigned status = 200;
    std::string redirect = {}; ///< an absolute URL, or empty
    seconds retry_after{0};    ///< how long the server asks to be left alone
    std::string version = {};  ///< what tells this file from a later one, if anything does: an ETag or a date
    std::string reason =
        {};               ///< why the server refuses: the first line of its answer, where that is plain text
    bool is_rest = false; ///< with an offset: what came is what follows it, of that version, to the end
    /// Why the body ended before its end, where the rest can be asked for.
    std::optional<Error> broken_off = {};
};

/// Takes the body in pieces; an error ends the download and is its error.
using DownloadSink = std::function<Result<>(ByteView piece)>;

/// The seam to what fetches files: one request and its answer. Redirects and repetitions are for the caller.
class Downloads {
  public:
    virtual ~Downloads() = default;

    /// The body goes to the sink when the status is 200, or with an offset 206. Where the server still has
    /// the version that the request wants another one of, the status is 304. A server that is away or silent
    /// is a transient error, a certificate that does not fit a permanent one; neither names the URL.
    virtual Result<DownloadAnswer> download(const DownloadRequest& request, const DownloadSink& sink) = 0;

    /// Connections of this process for parts of files.
    virtual std::unique_ptr<Ranges> open_ranges() = 0;
};

} // namespace mangrove
