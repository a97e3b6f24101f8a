#include "iscsi/login_status.h"

namespace mangrove::iscsi {

namespace {

constexpr uint8_t kTargetError = 3;
constexpr uint8_t kMovedPermanently = 2;
constexpr unsigned kAuthenticationFailed = 0x0201;

std::string_view status_words(unsigned status) {
    switch (status) {
    case 0x0200:
        return "the target refused the initiator";
    case kAuthenticationFailed:
        return "authentication failed";
    case 0x0202:
        return "the initiator is not allowed to use this target";
    case 0x0203:
        return "target not found";
    case 0x0204:
        return "the target was removed";
    case 0x0205:
        return "unsupported iSCSI version";
    case 0x0206:
        return "too many connections";
    case 0x0207:
        return "missing parameter";
    case 0x0208:
        return "the target cannot include the connection in the session";
    case 0x0209:
        return "session type not supported";
    case 0x020a:
        return "the session does not exist";
    case 0x020b:
        return "invalid during login";
    case 0x0300:
        return "target error";
    case 0x0301:
        return "target unavailable";
    case 0x0302:
        return "the target is out of resources";
    default:
        return "unknown login status";
    }
}

} // namespace

Error refusal(const LoginResponse& response, bool has_chap) {
    unsigned status = static_cast<unsigned>(response.status_class << 8 | response.status_detail);
    Bytes number = {response.status_class, response.status_detail};
    Error error;
    error.what = text(status_words(status), " (", hex(number), ")");
    if (status == kAuthenticationFailed && !has_chap) error.what += "; the definition has no 'chap'";
    error.permanence = response.status_class == kTargetError ? Permanence::transient : Permanence::permanent;
    return error;
}

std::string Portal::to_text() const {
    bool is_ipv6 = host.find(':') != std::string::npos;
    return is_ipv6 ? text("[", host, "]:", port) : text(host, ":", port);
}

std::optional<Portal> parse_target_address(std::string_view address) {
    address = address.substr(0, address.find(','));
    Portal portal;
    std::string_view after_host;
    if (address.starts_with('[')) {
        size_t end = address.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        portal.host = address.substr(1, end - 1);
        after_host = address.substr(end + 1);
    } else {
        size_t end = std::min(address.find(':'), address.size());
        portal.host = address.substr(0, end);
        after_host = address.substr(end);
    }
    if (portal.host.empty() || portal.host.size() > 255) return std::nullopt;
    if (after_host.empty()) return portal;
    std::optional<uint64_t> port = parse_number(after_host.substr(1));
    if (after_host.front() != ':' || !port || *port == 0 || *port > 65535) return std::nullopt;
    portal.port = static_cast<uint16_t>(*port);
    return portal;
}

Result<Redirect> parse_redirect(const LoginResponse& response, ByteView data) {
    TextKeys keys = TRY(TextKeys::parse(data), "reading the target's redirect");
    std::optional<std::string> address = keys.value("TargetAddress");
    if (!address) return permanent_error("the target moved, but sent no TargetAddress");
    std::optional<Portal> portal = parse_target_address(*address);
    if (!portal)
        return permanent_error("the target moved to '", printable(*address), "', which is not an address");
    return Redirect{*portal, response.status_detail == kMovedPermanently ? Redirect::Duration::permanent
                                                                         : Redirect::Duration::temporary};
}

} // namespace mangrove::iscsi
