#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mangrove {

/// A URL that can be fetched (RFC 3986, 8089, 3617), in its parts.
struct Url {
    enum class Scheme { http, https, tftp, file };
    Scheme scheme = Scheme::http;
    std::string credentials; ///< "user:password", or empty
    std::string host;        ///< an IPv6 address without its brackets; empty for `file`
    uint16_t port = 0;       ///< 0 for `file`
    bool names_port = false; ///< it stands in the URL
    std::string path;        ///< with the query: "/images/root.tar?version=2"

    /// The error does not quote the URL, which may hold a password.
    static Result<Url> parse(std::string_view written);
    /// As it was written, but without a fragment.
    std::string to_text() const;
    /// For messages: without credentials and query.
    std::string shown() const;
};

} // namespace mangrove
