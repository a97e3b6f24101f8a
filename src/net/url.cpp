#include "net/url.h"

#include "base/host_port.h"
#include "base/text.h"

namespace mangrove {

namespace {

// RFC 9110, 4.1: what every server is to take.
constexpr size_t kLongest = 8000;

struct SchemeName {
    std::string_view name;
    Url::Scheme scheme;
    uint16_t port;
};
constexpr SchemeName kSchemes[] = {
    {"http", Url::Scheme::http, 80}, {"https", Url::Scheme::https, 443}, {"tftp", Url::Scheme::tftp, 69},
    {"file", Url::Scheme::file, 0},  {"oci", Url::Scheme::oci, 443},
};

Result<> parse_port(std::string_view digits, Url& url) {
    if (digits.empty()) return {};
    std::optional<uint64_t> port = parse_number(digits);
    if (!port || *port < 1 || *port > 65535)
        return permanent_error("invalid port '", digits, "' in a URL: expected a number from 1 to 65535");
    url.port = static_cast<uint16_t>(*port);
    url.names_port = true;
    return {};
}

Result<> parse_authority(std::string_view authority, Url& url) {
    if (size_t at = authority.rfind('@'); at != std::string_view::npos) {
        url.credentials = authority.substr(0, at);
        authority.remove_prefix(at + 1);
    }
    size_t end = authority.find(':');
    if (authority.starts_with("[")) {
        size_t bracket = authority.find(']');
        if (bracket == std::string_view::npos) return permanent_error("invalid URL: '[' without ']'");
        url.host = authority.substr(1, bracket - 1);
        end = bracket + 1;
        if (end < authority.size() && authority[end] != ':')
            return permanent_error("invalid URL: unexpected text after ']'");
    } else {
        url.host = authority.substr(0, end);
    }
    if (url.host.empty()) return permanent_error("invalid URL: no host");
    return end < authority.size() ? parse_port(authority.substr(end + 1), url) : Result<>{};
}

std::string prefix_of(const Url& url) {
    for (const SchemeName& known : kSchemes)
        if (known.scheme == url.scheme)
            return text(known.name, url.scheme == Url::Scheme::file ? ":" : "://");
    return {};
}

std::string host_of(const Url& url) {
    std::string host = bracketed(url.host);
    return url.names_port ? text(host, ":", url.port) : host;
}

} // namespace

Result<Url> Url::parse(std::string_view written) {
    if (written.size() > kLongest)
        return permanent_error("URL too long: ", written.size(), " characters, expected at most ", kLongest);
    for (char c : written)
        if (c <= ' ' || c > '~')
            return permanent_error("invalid URL: a character that must be written as % and two digits");
    Url url;
    size_t colon = written.find(':');
    std::string scheme = lower_case(written.substr(0, colon));
    const SchemeName* found = nullptr;
    for (const SchemeName& known : kSchemes)
        if (known.name == scheme) found = &known;
    if (colon == std::string_view::npos || !found)
        return permanent_error("invalid URL: expected http://, https://, tftp:// or file:/");
    url.scheme = found->scheme;
    url.port = found->port;
    std::string_view rest = written.substr(colon + 1);
    rest = rest.substr(0, rest.find('#'));
    bool has_authority = rest.starts_with("//");
    if (url.scheme == Scheme::file) {
        url.path = has_authority ? rest.substr(2) : rest;
        if (!url.path.starts_with("/"))
            return permanent_error("invalid URL: expected a path that begins with / after file:");
        return url;
    }
    if (!has_authority) return permanent_error("invalid URL: expected // after '", scheme, ":'");
    rest.remove_prefix(2);
    size_t end = std::min(rest.find_first_of("/?"), rest.size());
    TRY(parse_authority(rest.substr(0, end), url));
    url.path = rest.substr(end);
    if (!url.path.starts_with("/")) url.path.insert(0, "/");
    return url;
}

std::string Url::to_text() const {
    return text(prefix_of(*this), credentials, credentials.empty() ? "" : "@", host_of(*this), path);
}

std::string Url::shown() const {
    return text(prefix_of(*this), host_of(*this), path.substr(0, path.find('?')));
}

} // namespace mangrove
