#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mangrove {

/// A URL that can be fetched (RFC 3986, 8089, 3617), or one of an artifact (oci/reference.h), in its parts.
struct Url {
    enum class Scheme { http, https, tftp, file, oci };
    Scheme scheme = Scheme::http;
    std::string credentials; ///< "user:password", or empty
    std::string host;        ///< an IPv6 address without its brackets; empty for `file`
    uint16_t port = 0;       ///< 0 for `file`
    bool names_port = false; ///< it stands in the URL
    std::string path;        ///< with the query: "/images/root.tar?version=2"

    /// Parses a URL. The error does not quote it, because it may hold a password.
    static Result<Url> parse(std::string_view written);
    /// Returns the URL as written, without a fragment.
    std::string to_text() const;
    /// Returns the URL for messages: without credentials and query.
    std::string shown() const;
};

} // namespace mangrove
