#include "mount/nfs_options.h"

#include <sys/mount.h>

#include "mount/flags.h"

namespace mangrove {

namespace {

constexpr uint16_t kNfsPort = 2049;

/// The value of `key=…`; the definition was checked to have a port there.
std::optional<uint16_t> port_option(const definition::MountNfs& wanted, std::string_view key) {
    std::optional<uint16_t> port;
    for (const std::string& option : wanted.options) {
        if (!option.starts_with(key) || !option.substr(key.size()).starts_with("=")) continue;
        if (std::optional<uint64_t> number = parse_number(option.substr(key.size() + 1)))
            port = static_cast<uint16_t>(*number);
    }
    return port;
}

bool needs_portmapper(const definition::MountNfs& wanted, std::string_view version) {
    return version == "3" && !port_option(wanted, "mountport");
}

} // namespace

std::vector<std::string> nfs_versions(const definition::MountNfs& wanted) {
    // A root has no use for 4.2, and it costs: Linux 6.12 reads nothing from ganesha 4.3 with it, and nothing
    // can be copied up from a server whose file system has no extended attributes.
    if (wanted.version.empty()) return {"4.1", "4.2", "4.0", "3"};
    return {wanted.version};
}

std::string_view nfs_module(std::string_view version) {
    return version == "3" ? "nfsv3" : "nfsv4";
}

std::vector<uint16_t> nfs_ports(const definition::MountNfs& wanted, std::string_view version) {
    std::optional<uint16_t> port = port_option(wanted, "port");
    if (!needs_portmapper(wanted, version)) return {port.value_or(kNfsPort)};
    if (port) return {kPortmapperPort, *port};
    return {kPortmapperPort};
}

std::string nfs_source(const definition::MountNfs& wanted) {
    std::optional<IpAddress> literal = IpAddress::parse(wanted.host);
    bool is_v6 = literal && literal->family == IpAddress::Family::v6;
    return is_v6 ? text('[', literal->to_text(), "]:", wanted.path) : text(wanted.host, ':', wanted.path);
}

Result<MountRequest> nfs_request(const definition::MountNfs& wanted, std::string_view version,
                                 const IpAddress& address) {
    bool is_v4 = address.family == IpAddress::Family::v4;
    MountRequest request = {.source = nfs_source(wanted), .type = "nfs"};
    request.flags = wanted.ro ? MS_RDONLY : 0;
    request.options = text("vers=", version, ",proto=", is_v4 ? "tcp" : "tcp6", ",addr=", address.to_text());
    // Locks of NFS 3 take a statd, and none runs before the root is there.
    if (version == "3") request.options += ",nolock";
    if (version == "3" && !needs_portmapper(wanted, version) && !port_option(wanted, "port"))
        request.options += text(",port=", kNfsPort);
    for (const std::string& option : wanted.options) {
        if (std::optional<unsigned long> flag = mount_flag(option))
            request.flags |= *flag;
        else
            request.options += "," + option;
    }
    // mount(2) takes a page of options, and cuts longer ones off without a word.
    constexpr size_t kOptionsMax = 4095;
    if (request.options.size() > kOptionsMax)
        return permanent_error("the options of ", request.source, " are longer than ", kOptionsMax, " bytes");
    return request;
}

} // namespace mangrove
