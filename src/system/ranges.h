#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "system/clock.h"
#include "system/network.h"

namespace mangrove {

/// Asks for a part of a file, over http or https.
struct RangeRequest {
    std::string url = {};                  ///< without credentials
    std::string host = {};                 ///< the host in it, when that is a name
    uint16_t port = 0;                     ///< and its port
    std::vector<IpAddress> addresses = {}; ///< of that name, tried in their order
    std::string authorities = {};          ///< https: the certificates that are trusted, the PEM itself
    std::string username = {};             ///< Basic authentication; empty: none
    std::string password = {};
    std::string token = {};   ///< Bearer authentication; empty: none
    std::string region = {};  ///< of S3: the first two sign the request (AWS Signature Version 4)
    std::string version = {}; ///< the part is of this one (If-Range); empty: of any
    std::string accept = {};  ///< the media types that the answer may have; empty: any
    uint64_t offset = 0;
    uint64_t length = 0; ///< 0: not a part, but all of it
    seconds connect_patience{10};
    seconds patience{20}; ///< with a server that is silent or sends next to nothing
};

/// The answer without its body, in the server's words.
struct RangeHead {
    unsigned status = 0;
    std::string redirect = {}; ///< an absolute URL, or empty
    seconds retry_after{0};
    std::string content_range = {};
    std::string content_encoding = {};
    std::string etag = {};
    std::string last_modified = {};
    std::string refusal = {};      ///< the code of an error of S3
    std::string authenticate = {}; ///< WWW-Authenticate, with commas between several
};

/// The seam to requests for parts of files: several at once, over connections that are kept.
class Ranges {
  public:
    virtual ~Ranges() = default;

    /// Takes the body in pieces, with what stands before it; false ends the request.
    using Sink = std::function<bool(const RangeHead& head, ByteView piece)>;
    /// A request that has ended: with an error, or with what the sink took.
    struct End {
        uint64_t number = 0;
        RangeHead head = {};
        std::optional<Error> error = {};
        /// To the server and back, as its connection was made; nothing where one was there.
        std::optional<milliseconds> round_trip = {};
    };

    /// Begins a request under a number that no other one has.
    virtual Result<> start(uint64_t number, const RangeRequest& request, Sink sink) = 0;
    /// Works on the requests until something of a body has come, one has ended, `woken_by` or `nudged_by` can
    /// be read (none: nullptr) or the deadline is there. Adds those that have ended; true if `woken_by` can
    /// be read.
    virtual bool wait(const UniqueFd* woken_by, const UniqueFd* nudged_by, Deadline deadline,
                      std::vector<End>& ends) = 0;
};

} // namespace mangrove
