#include "source/root_path.h"

#include <algorithm>

#include "base/json.h"

// The root-path of DHCP (option 17) as a definition. Reads
//   iscsi:[USER:PASSWORD[:USER:PASSWORD]@]SERVER:[PROTOCOL]:[PORT]:[[INTERFACE]:[DEVICE]:][LUN]:TARGET
// of RFC 4173 with the extensions of dracut.cmdline(7) (the second user and password are the target's own;
// interface and device are not used), and, as dracut.cmdline(7) has them,
//   [nfs:|nfs4:][SERVER:]PATH[:OPTIONS]
// with options of nfs(5), also behind a comma, and "%s" in PATH for the name of this node.

namespace mangrove {

namespace {

constexpr std::string_view kTcp = "6"; // RFC 4173: the number of the protocol in IP

struct HostAndRest {
    std::string host;
    std::string_view rest; ///< begins with ":", or is empty
};

/// An IPv6 address stands in brackets.
HostAndRest split_host(std::string_view whole) {
    size_t bracket = whole.starts_with("[") ? whole.find(']') : std::string_view::npos;
    if (bracket != std::string_view::npos)
        return {std::string(whole.substr(1, bracket - 1)), whole.substr(bracket + 1)};
    size_t colon = std::min(whole.find(':'), whole.size());
    return {std::string(whole.substr(0, colon)), whole.substr(colon)};
}

/// RFC 4173: hexadecimal, the eight bytes of the LUN in groups of two with "-" between, zeros at the end left
/// out. Only the first group says something, unless the LUN is one in a hierarchy; its upper two bits are the
/// method of addressing (SAM-5 section 4.7.5), of which 01 is the one for numbers from 256.
Result<unsigned> parse_lun(std::string_view written) {
    if (written.empty()) return 0;
    std::vector<std::string> groups = split(written, '-');
    std::vector<uint64_t> numbers;
    for (const std::string& group : groups) {
        std::optional<uint64_t> number = parse_number(group, 16);
        if (!number || group.size() > 4 || groups.size() > 4)
            return permanent_error("the LUN '", written, "' is not of the form 1 or 0001-0000-0000-0000");
        numbers.push_back(*number);
    }
    bool is_in_hierarchy =
        std::any_of(numbers.begin() + 1, numbers.end(), [](uint64_t each) { return each != 0; });
    if (is_in_hierarchy || numbers[0] > 0x7fff)
        return permanent_error("the LUN '", written, "' is none that is addressed by a number alone");
    return static_cast<unsigned>(numbers[0] & 0x3fff);
}

std::string server_of(const Lease& lease) {
    return (lease.next_server.is_unspecified() ? lease.server : lease.next_server).to_text();
}

/// Adds "kind": KIND and the object KIND, which it returns.
cJSON* add_kind(cJSON* parent, const char* kind) {
    cJSON_AddStringToObject(parent, "kind", kind);
    return cJSON_AddObjectToObject(parent, kind);
}

/// The definition around its one lower mount, which is returned as an object to be filled.
cJSON* add_overlay(cJSON* definition, const std::string& name) {
    cJSON_AddStringToObject(definition, "name", name.c_str());
    cJSON* overlay = add_kind(cJSON_AddObjectToObject(definition, "mount"), "overlay");
    cJSON* lower = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_AddArrayToObject(overlay, "lower"), lower);
    return lower;
}

Result<> add_chap(cJSON* iscsi, std::string_view credentials) {
    if (credentials.empty()) return {};
    std::vector<std::string> words = split(credentials, ':');
    if (words.size() != 2 && words.size() != 4)
        return permanent_error("before the @ there is neither USER:PASSWORD nor USER:PASSWORD:USER:PASSWORD");
    cJSON* chap = cJSON_AddObjectToObject(iscsi, "chap");
    constexpr const char* kKeys[] = {"username", "password", "username_in", "password_in"};
    for (size_t i = 0; i < words.size(); ++i)
        cJSON_AddStringToObject(chap, kKeys[i], words[i].c_str());
    return {};
}

/// The fields between server and target.
Result<> add_address(cJSON* iscsi, std::string_view written) {
    std::vector<std::string> fields = split(written, ':');
    if (fields.size() < 3 || fields.size() > 5)
        return permanent_error("between the server and the target there are not PROTOCOL:PORT:LUN");
    if (!fields[0].empty() && fields[0] != kTcp)
        return permanent_error("the protocol '", fields[0], "' is not ", kTcp, " (TCP)");
    if (!fields[1].empty()) {
        std::optional<uint64_t> port = parse_number(fields[1]);
        if (!port || *port < 1 || *port > 65535)
            return permanent_error("the port '", fields[1], "' is not a number from 1 to 65535");
        cJSON_AddNumberToObject(iscsi, "port", static_cast<double>(*port));
    }
    cJSON_AddNumberToObject(iscsi, "lun", TRY(parse_lun(fields.back())));
    return {};
}

/// Where the name of the target begins: the fields before it can be empty, and the name has colons itself.
size_t find_target(std::string_view whole) {
    size_t first = std::string_view::npos;
    for (std::string_view naming : {":iqn.", ":eui.", ":naa."})
        first = std::min(first, whole.find(naming));
    return first;
}

Result<> add_iscsi(cJSON* definition, std::string_view written, const Lease& lease) {
    size_t end = find_target(written);
    if (end == std::string_view::npos)
        return permanent_error("no target in it begins with iqn., eui. or naa.");
    std::string target(written.substr(end + 1));
    std::string_view rest = written.substr(0, end);
    // A password may hold an "@", a server may not.
    size_t at = rest.rfind('@');
    std::string_view credentials = at == std::string_view::npos ? std::string_view() : rest.substr(0, at);
    HostAndRest server = split_host(at == std::string_view::npos ? rest : rest.substr(at + 1));
    if (!server.rest.starts_with(":"))
        return permanent_error("it is not of the form iscsi:SERVER:PROTOCOL:PORT:LUN:TARGET (RFC 4173)");
    cJSON* mount = add_kind(add_overlay(definition, target), "attach");
    cJSON_AddItemToArray(cJSON_AddArrayToObject(mount, "mount_options"), cJSON_CreateString("ro"));
    cJSON* iscsi = add_kind(cJSON_AddObjectToObject(mount, "attach"), "iscsi");
    cJSON_AddStringToObject(iscsi, "target", target.c_str());
    cJSON_AddStringToObject(iscsi, "host", (server.host.empty() ? server_of(lease) : server.host).c_str());
    TRY(add_address(iscsi, server.rest.substr(1)));
    return add_chap(iscsi, credentials);
}

/// Those that a key of the definition has its own word for; the others as they are.
void add_nfs_options(cJSON* nfs, std::string_view written) {
    cJSON* options = cJSON_AddArrayToObject(nfs, "options");
    for (const std::string& option : split(written, ',')) {
        size_t equals = option.find('=');
        std::string_view name = std::string_view(option).substr(0, equals);
        bool is_version = name == "vers" || name == "nfsvers";
        if (option.empty() || option == "ro" || option == "rw") continue;
        if (!is_version) {
            cJSON_AddItemToArray(options, cJSON_CreateString(option.c_str()));
        } else if (option.substr(equals + 1) != "4") { // any of version 4 is what is tried first anyway
            cJSON_AddStringToObject(nfs, "version", option.substr(equals + 1).c_str());
        }
    }
}

void add_nfs(cJSON* definition, std::string_view written, const Lease& lease) {
    HostAndRest server{server_of(lease), written};
    if (!written.starts_with("/")) {
        server = split_host(written);
        server.rest.remove_prefix(1);
    }
    size_t end = std::min(server.rest.find_first_of(":,"), server.rest.size());
    std::string path(server.rest.substr(0, end));
    if (size_t name = path.find("%s"); name != std::string::npos)
        path.replace(name, 2, lease.host_name.empty() ? lease.address.to_text() : lease.host_name);
    cJSON* nfs = add_kind(add_overlay(definition, text(server.host, ":", path)), "nfs");
    cJSON_AddStringToObject(nfs, "host", server.host.c_str());
    cJSON_AddStringToObject(nfs, "path", path.c_str());
    cJSON_AddTrueToObject(nfs, "ro");
    if (end < server.rest.size()) add_nfs_options(nfs, server.rest.substr(end + 1));
}

/// "/path", or "server:/path" with a server that is not empty, and no URL.
bool is_nfs(std::string_view written) {
    if (written.starts_with("/")) return !written.starts_with("//");
    HostAndRest server = split_host(written);
    return !server.host.empty() && server.rest.starts_with(":/") && !server.rest.starts_with("://");
}

} // namespace

Result<std::string> definition_from_root_path(const Lease& lease) {
    Json definition = make_json_object();
    std::string_view written = trim(lease.root_path);
    if (written.starts_with("iscsi:")) {
        TRY(add_iscsi(definition.get(), written.substr(6), lease));
        return print_json(definition);
    }
    for (std::string_view prefix : {"nfs:", "nfs4:"})
        if (written.starts_with(prefix)) {
            written.remove_prefix(prefix.size());
            break;
        }
    if (!is_nfs(written))
        return permanent_error("it is neither iscsi:SERVER:PROTOCOL:PORT:LUN:TARGET nor nfs:SERVER:/PATH");
    add_nfs(definition.get(), written, lease);
    return print_json(definition);
}

} // namespace mangrove
