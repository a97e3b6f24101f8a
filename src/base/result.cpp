#include "base/result.h"

#include <cerrno>
#include <cstring>

namespace mangrove {

std::string describe(const Error& error) {
    std::string lines = error.what;
    for (const std::string& step : error.while_doing)
        lines += text("\n  while ", step);
    return lines;
}

bool is_transient_errno(int errno_code) {
    switch (errno_code) {
    case EAGAIN:
    case EINTR:
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case ENOTCONN:
    case EPIPE:
    case ETIMEDOUT:
    case ETIME:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETDOWN:
    case ENETRESET:
    case EADDRNOTAVAIL:
        return true;
    default:
        return false;
    }
}

std::string errno_text(int errno_code) {
    // The kernel's own ENOTSUPP, which user space has no name for; NFS lets it through.
    if (errno_code == 524) return "Operation not supported (524)";
    return std::strerror(errno_code);
}

} // namespace mangrove
