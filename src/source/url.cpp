#include "net/url.h"

#include <algorithm>

#include "net/fetch.h"
#include "net/node_url.h"
#include "source/source.h"

// The sources `http://…`, `https://…` and `tftp://…`: a definition from a server. {mac}, {uuid}, {serial},
// {hostname} and {ip} in the URL stand for those of this node.

namespace mangrove {

namespace {

constexpr size_t kLargestDefinition = 1 << 20;
constexpr size_t kLargestSignature = 1 << 14;
constexpr seconds kTimeToFetch{60};

/// "http://head/a.json?x=1" has its signature at "http://head/a.json.sig?x=1".
std::string url_of_signature(std::string url) {
    url.insert(std::min(url.find('?'), url.size()), ".sig");
    return url;
}

/// An envelope needs none.
Result<std::string> signature_at(Search& search, const std::string& url, const Found& found) {
    if (!search.policy || trust::is_envelope(found.text)) return std::string();
    Result<std::string> signature =
        fetch_text(search.boot.system, url_of_signature(url), kTimeToFetch, kLargestSignature);
    if (signature || signature.error().is_transient()) return signature;
    return permanent_error(
        signature.error().what,
        "; this node boots signed definitions only: put the signature beside the definition");
}

} // namespace

Result<Found> find_at_url(Search& search, const std::string& source) {
    TRY(need_network(search));
    std::string filled =
        TRY(node_url(search.boot.system, search.boot.network, source), "filling in ", shown_source(source));
    Url url = TRY(Url::parse(filled), "reading ", shown_source(source));
    Found found;
    found.text = TRY(fetch_text(search.boot.system, filled, kTimeToFetch, kLargestDefinition));
    note_bytes(search.boot.timeline, found.text.size());
    found.origin = url.shown();
    if (url.scheme != Url::Scheme::https) found.readers = "everybody on the network";
    // Another URL would be a redirect that escapes the rules for redirects.
    std::string_view text = trim(found.text);
    if (!text.starts_with("{"))
        return permanent_error(found.origin, " holds no definition: expected JSON that begins with '{'");
    found.signature = TRY(signature_at(search, filled, found));
    return found;
}

} // namespace mangrove
