#include "source/iscsi_words.h"

#include <algorithm>
#include <optional>

namespace mangrove {

namespace {

/// Eight bytes in hexadecimal. RFC 4173 has groups of two with "-" between, zeros at the end left out; iPXE
/// and others write all sixteen digits, or the number alone.
std::optional<uint64_t> parse_lun_bytes(std::string_view written) {
    constexpr size_t kDigits = 16, kGroup = 4;
    if (lower_case(written).starts_with("0x")) written.remove_prefix(2);
    std::string digits;
    std::vector<std::string> groups = split(written, '-');
    for (const std::string& group : groups) {
        if (groups.size() > 1 && group.size() > kGroup) return std::nullopt;
        digits.append(group.size() < kGroup ? kGroup - group.size() : 0, '0');
        digits += group;
    }
    if (digits.size() > kDigits || written.empty()) return std::nullopt;
    bool is_one_number = groups.size() == 1 && digits.size() > kGroup;
    digits.insert(is_one_number ? 0 : digits.size(), kDigits - digits.size(), '0');
    return parse_number(digits, 16);
}

/// Only the first group says something, unless the LUN is one in a hierarchy; its upper two bits are the
/// method of addressing (SAM-5 section 4.7.5), of which 01 is the one for numbers from 256. Some write the
/// number into the last group.
Result<unsigned> parse_lun(std::string_view written) {
    if (written.empty()) return 0;
    std::optional<uint64_t> bytes = parse_lun_bytes(written);
    if (!bytes)
        return permanent_error("invalid LUN '", written, "': expected the form 1 or 0001-0000-0000-0000");
    uint64_t number = *bytes << 16 == 0 ? *bytes >> 48 : *bytes;
    if (number > 0x7fff)
        return permanent_error("unsupported LUN '", written, "': not addressed by a number alone");
    return static_cast<unsigned>(number & 0x3fff);
}

void add_chap(cJSON* iscsi, std::string_view credentials, const IscsiSettings& settings,
              Translation& translation) {
    constexpr const char* kKeys[] = {"username", "password", "username_in", "password_in"};
    std::vector<std::string> words = split(credentials, ':');
    words.resize(4);
    for (size_t i = 0; i < words.size(); ++i)
        if (words[i].empty()) words[i] = settings.credentials[i];
    if (words[0].empty() && words[1].empty()) return;
    if (words[0].empty() || words[1].empty())
        translation.note("CHAP needs a user and a password, but one of them is missing");
    if (words[2].empty() != words[3].empty())
        translation.note("the target's user and password for CHAP are incomplete");
    cJSON* chap = cJSON_AddObjectToObject(iscsi, "chap");
    for (size_t i = 0; i < words.size(); ++i)
        add_text(chap, kKeys[i], words[i]);
}

bool is_tcp(const std::string& protocol) {
    constexpr std::string_view kTcp = "6"; // RFC 4173: the number of the protocol in IP
    return protocol.empty() || protocol == kTcp || lower_case(protocol) == "tcp";
}

struct Address {
    std::string protocol, port, lun;
};

/// The fields between server and target. Where some are missing, those that are there are told apart by
/// their values.
Result<Address> split_address(std::string_view written, Translation& translation) {
    std::vector<std::string> fields = split(written, ':');
    if (fields.size() > 5)
        return permanent_error("too many fields between the server and the target: expected "
                               "PROTOCOL:PORT:INTERFACE:DEVICE:LUN");
    if (fields.size() >= 3) return Address{fields[0], fields[1], fields.back()};
    Address address;
    constexpr uint64_t kFirstLikelyPort = 1024;
    for (const std::string& field : fields)
        if (!field.empty() && parse_number(field).value_or(0) >= kFirstLikelyPort)
            address.port = field;
        else if (!is_tcp(field))
            address.lun = field;
    if (!written.empty())
        translation.note("no PROTOCOL:PORT:LUN between the server and the target; using port ",
                         address.port.empty() ? "3260" : address.port, " and LUN ",
                         address.lun.empty() ? "0" : address.lun);
    return address;
}

Result<> add_address(cJSON* iscsi, const Address& address) {
    if (!is_tcp(address.protocol))
        return permanent_error("the protocol '", address.protocol, "' is not 6 (TCP)");
    if (!address.port.empty()) {
        std::optional<uint64_t> port = parse_number(address.port);
        if (!port || *port < 1 || *port > 65535)
            return permanent_error("the port '", address.port, "' is not a number from 1 to 65535");
        cJSON_AddNumberToObject(iscsi, "port", static_cast<double>(*port));
    }
    cJSON_AddNumberToObject(iscsi, "lun", TRY(parse_lun(address.lun)));
    return {};
}

struct Parameter {
    std::string_view name;
    const char* key; ///< of the definition
    int64_t minimum, maximum;
};
constexpr Parameter kParameters[] = {
    {"node.session.timeo.replacement_timeout", "replacement_timeout", -1, 1000000},
    {"node.session.cmds_max", "max_commands", 1, 4096},
    {"node.session.queue_depth", "queue_depth", 1, 1024},
};

void add_number(cJSON* iscsi, const std::string& name, const std::string& value, Translation& translation) {
    for (const Parameter& parameter : kParameters) {
        if (name != parameter.name) continue;
        bool is_negative = value.starts_with("-");
        std::optional<uint64_t> digits = parse_number(std::string_view(value).substr(is_negative));
        int64_t number = digits && *digits <= INT32_MAX ? static_cast<int64_t>(*digits) : INT64_MAX;
        if (is_negative) number = -number;
        if (number < parameter.minimum || number > parameter.maximum) break;
        cJSON_AddNumberToObject(iscsi, parameter.key, static_cast<double>(number));
        return;
    }
    translation.note("iSCSI parameter ", name, "=", value, " not supported, ignoring");
}

void add_parameters(cJSON* iscsi, const IscsiSettings& settings, Translation& translation) {
    for (const std::string& parameter : settings.parameters) {
        size_t equals = std::min(parameter.find('='), parameter.size());
        std::string name = parameter.substr(0, equals);
        std::string value = parameter.substr(std::min(equals + 1, parameter.size()));
        bool is_header = name == "node.conn[0].iscsi.HeaderDigest";
        if (is_header || name == "node.conn[0].iscsi.DataDigest")
            cJSON_AddStringToObject(iscsi, is_header ? "header_digest" : "data_digest",
                                    lower_case(value).starts_with("crc32c") ? "crc32c" : "none");
        else
            add_number(iscsi, name, value, translation);
    }
}

/// Where the name of the target begins: the fields before it can be empty, and the name has colons itself.
size_t find_target(std::string_view whole) {
    size_t first = std::string_view::npos;
    for (std::string_view naming : {":iqn.", ":eui.", ":naa."})
        first = std::min(first, whole.find(naming));
    return first;
}

} // namespace

Result<Json> iscsi_attachment(std::string_view written, const IscsiSettings& settings,
                              Translation& translation) {
    size_t end = find_target(written);
    if (end == std::string_view::npos) return permanent_error("no target name in it (iqn., eui. or naa.)");
    std::string target(written.substr(end + 1));
    std::string_view rest = written.substr(0, end);
    // A password may hold an "@", a server may not.
    size_t at = rest.rfind('@');
    std::string_view credentials = at == std::string_view::npos ? std::string_view() : rest.substr(0, at);
    if (std::ranges::count(credentials, ':') > 3)
        return permanent_error("expected USER:PASSWORD or USER:PASSWORD:USER:PASSWORD before the @");
    HostAndRest server = split_host(at == std::string_view::npos ? rest : rest.substr(at + 1));
    std::string_view fields = server.rest;
    if (fields.starts_with(":")) fields.remove_prefix(1);
    Address address = TRY(split_address(fields, translation));
    Json attachment = make_json_object();
    cJSON* iscsi = add_kind(attachment.get(), "iscsi");
    cJSON_AddStringToObject(iscsi, "target", target.c_str());
    cJSON_AddStringToObject(iscsi, "host", translation.host(server.host).c_str());
    TRY(add_address(iscsi, address));
    add_chap(iscsi, credentials, settings, translation);
    add_text(iscsi, "initiator", settings.initiator);
    add_parameters(iscsi, settings, translation);
    return attachment;
}

void add_portals(cJSON* first, const std::vector<Json>& further, Translation& translation) {
    cJSON* iscsi = cJSON_GetObjectItem(first, "iscsi");
    std::vector<std::string> portals;
    for (const Json& each : further) {
        const cJSON* other = cJSON_GetObjectItem(each.get(), "iscsi");
        if (text_at(other, "target") != text_at(iscsi, "target")
            || number_at(other, "lun") != number_at(iscsi, "lun")) {
            translation.note("the root is on ", text_at(iscsi, "target"), ", ignoring ",
                             text_at(other, "target"), " LUN ", number_at(other, "lun"));
            continue;
        }
        std::string host = text_at(other, "host");
        if (host.contains(':')) host = text('[', host, ']');
        uint64_t port = number_at(other, "port");
        portals.push_back(port == 0 ? host : text(host, ':', port));
    }
    add_texts(iscsi, "portals", portals);
}

} // namespace mangrove
