#include <cerrno>
#include <set>
#include <utility>

#include "attach/attach.h"
#include "attach/nvme_controller.h"
#include "attach/nvme_discovery.h"
#include "base/log.h"
#include "machine/each_address.h"
#include "machine/machine_identity.h"
#include "system/network.h"

// The attachment `nvme` (docs/schemes/nvme.md): one namespace of a subsystem over TCP, as the NVMe over
// Fabrics and the NVMe/TCP transport specifications have it; the kernel speaks it all, and connects again by
// itself. Reads `host`, `port`, `nqn`, `nsid`, `hostnqn`, `hostid` and `dhchap_secret`.
// Without `nqn`, the discovery controller there is asked.

namespace mangrove {

namespace {

constexpr const char* kFabrics = "/dev/nvme-fabrics";
constexpr seconds kConnectTimeout{5};
constexpr seconds kNamespaceTimeout{10};
/// Ends what waits for the server. A silent one is said goodbye to for a minute, which the kernel does alone.
constexpr seconds kDisconnectTimeout{15};

/// The machine's UUID, or one with its hardware address in the place of the node (RFC 9562, 5.8).
Result<std::string> host_id(System& system) {
    MachineIdentity identity = TRY(machine_identity(system), "deriving the host's identity");
    if (identity.text.empty())
        return permanent_error("this machine has neither a UUID nor a network card to derive the host's "
                               "identity from; set 'hostnqn' and 'hostid'");
    return identity.to_uuid();
}

/// NVM Express Base Specification, 4.7: a name made of the host's identity.
constexpr std::string_view kUuidName = "nqn.2014-08.org.nvmexpress:uuid:";

/// The UUID in the host's name, so that the two are one pair; else the machine's.
Result<std::string> host_id_for(System& system, std::string_view name) {
    constexpr size_t kUuidSize = 36;
    if (name.starts_with(kUuidName) && name.size() == kUuidName.size() + kUuidSize)
        return std::string(name.substr(kUuidName.size()));
    return host_id(system);
}

Result<NvmeConnection> to_connection(System& system, const definition::Nvme& wanted) {
    NvmeConnection connection = {.port = wanted.port,
                                 .subsystem = wanted.nqn,
                                 .host = wanted.hostnqn,
                                 .host_id = wanted.hostid,
                                 .dhchap_secret = wanted.dhchap_secret};
    if (connection.host_id.empty()) connection.host_id = TRY(host_id_for(system, wanted.hostnqn));
    if (connection.host.empty()) connection.host = text(kUuidName, connection.host_id);
    return connection;
}

std::string shown(const NvmeConnection& connection) {
    return text(connection.subsystem, " at ", connection.address.to_text(), " port ", connection.port);
}

/// Explains errors of which the kernel gives an errno alone.
std::string_view explanation(int code, const NvmeConnection& connection) {
    if (code == EIO) return "; no such subsystem, or it does not allow this host: see the kernel log";
    if (code == EINVAL && !connection.dhchap_secret.empty())
        return "; 'dhchap_secret' needs a kernel with CONFIG_NVME_HOST_AUTH";
    return "";
}

/// The number of the controller; nothing where this host has one already, for another namespace of the
/// subsystem.
Result<std::optional<unsigned>> connect(System& system, const NvmeConnection& connection) {
    std::string operation = "connecting to " + shown(connection);
    // The kernel's own attempt takes two minutes of silence when nobody answers.
    TRY(system.network().connect_tcp(connection.address, connection.port, system.now() + kConnectTimeout),
        operation);
    Result<std::string> answer = system.exchange(kFabrics, connect_request(connection));
    if (!answer && answer.error().code == EALREADY) return std::nullopt;
    if (!answer) {
        Error error = answer.error();
        error.what += explanation(error.code, connection);
        return std::unexpected(add_context(std::move(error), operation));
    }
    return controller_number(*answer);
}

/// Returns `wanted` with the only subsystem that the discovery controller lists.
Result<definition::Nvme> with_discovered(System& system, definition::Nvme wanted) {
    NvmeConnection connection = TRY(to_connection(system, wanted));
    auto ask = [&](const IpAddress& address) -> Result<std::vector<NvmeSubsystem>> {
        connection.address = address;
        TRY(system.network().connect_tcp(address, connection.port, system.now() + kConnectTimeout));
        return discover_nvme(system, connection);
    };
    std::vector<NvmeSubsystem> found =
        TRY(try_each_address(system.network(), wanted.host, ask), "looking for subsystems at ", wanted.host);
    std::set<std::string> names;
    for (const NvmeSubsystem& subsystem : found)
        names.insert(subsystem.name);
    if (names.size() != 1)
        return permanent_error(wanted.host,
                               names.empty() ? " lists no NVMe subsystem over TCP for this host"
                                             : text(" lists several NVMe subsystems: ",
                                                    join({names.begin(), names.end()}, ", "), "; set 'nqn'"));
    wanted.nqn = found.front().name;
    wanted.port = found.front().port;
    std::optional<IpAddress> address = IpAddress::parse(found.front().host);
    if (address && !address->is_unspecified()) wanted.host = found.front().host;
    return wanted;
}

/// The kernel keeps the key, to connect again, and would show it to every user of the node.
void hide_key(System& system, unsigned controller) {
    if (Result<> hidden = system.set_mode(text("/sys/class/nvme/nvme", controller, "/dhchap_secret"), 0600);
        !hidden)
        log_warning(hidden.error().what, ", ignoring: every user of this node can read 'dhchap_secret'");
}

/// The disk of a namespace: with multipathing, which is the default, it hangs from the subsystem and not from
/// the controller, so it is found by what it says of itself.
struct Namespaces {
    std::string disk; ///< empty: not there
    std::vector<std::string> numbers;
};

Result<Namespaces> find_namespace(System& system, const std::string& subsystem, uint32_t number) {
    Namespaces found;
    for (const std::string& disk : TRY(system.list_directory("/sys/block"))) {
        std::string directory = "/sys/block/" + disk;
        if (!disk.starts_with("nvme") || !system.is_device_ready("/dev/" + disk)) continue;
        std::string name = TRY(system.read_file(directory + "/device/subsysnqn"));
        if (trim(name) != subsystem) continue;
        std::string nsid = TRY(system.read_file(directory + "/nsid"));
        found.numbers.emplace_back(trim(nsid));
        if (found.numbers.back() == std::to_string(number)) found.disk = disk;
    }
    return found;
}

} // namespace

Result<std::string> attach(Boot& boot, const definition::Nvme& defined, Undo& undo) {
    System& system = boot.system;
    definition::Nvme wanted = defined;
    TRY(system.load_module("nvme_tcp"));
    if (wanted.nqn.empty()) wanted = TRY(with_discovered(system, std::move(wanted)));
    NvmeConnection connection = TRY(to_connection(system, wanted));
    std::optional<unsigned> controller =
        TRY(try_each_address(system.network(), wanted.host, [&](const IpAddress& address) {
            connection.address = address;
            return connect(system, connection);
        }));
    if (controller)
        undo.push("disconnecting from " + wanted.nqn, [&system, number = *controller] {
            return system.write_bounded({.path = text("/sys/class/nvme/nvme", number, "/delete_controller"),
                                         .value = "1",
                                         .time_limit = kDisconnectTimeout});
        });
    if (controller && !wanted.dhchap_secret.empty()) hide_key(system, *controller);
    Namespaces found;
    Result<> looked;
    bool is_there = TRY(wait_until(system, system.now() + kNamespaceTimeout, [&] {
        Result<Namespaces> now = find_namespace(system, wanted.nqn, wanted.nsid);
        if (now)
            found = *std::move(now);
        else
            looked = std::unexpected(now.error());
        return !looked || !found.disk.empty();
    }));
    TRY(looked, "looking for namespace ", wanted.nsid, " of ", wanted.nqn);
    if (!is_there)
        return permanent_error(wanted.nqn, " has no namespace ", wanted.nsid, "; ",
                               found.numbers.empty() ? "it shows none to this host"
                                                     : "it has " + join(found.numbers, ", "));
    log_notice("namespace ", wanted.nsid, " of ", wanted.nqn, " is /dev/", found.disk);
    return "/dev/" + found.disk;
}

static Result<bool> is_in_use(System& system, const std::string& subsystem) {
    for (const std::string& disk : TRY(system.list_directory("/sys/block"))) {
        Result<std::string> name = system.read_file(text("/sys/block/", disk, "/device/subsysnqn"));
        if (name && *name == subsystem && system.is_device_in_use("/dev/" + disk)) return true;
    }
    return false;
}

Result<> release(System& system, const Attached<definition::Nvme>& chosen) {
    constexpr const char* kControllers = "/sys/class/nvme";
    if (system.path_kind(kControllers) != PathKind::directory) return {};
    // The kernel may show one disk for all controllers of a subsystem.
    std::string disk = chosen.device.substr(chosen.device.rfind('/') + 1);
    Result<std::string> subsystem = system.read_file(text("/sys/block/", disk, "/device/subsysnqn"));
    if (!chosen.device.empty() && !subsystem) return {};
    // A host has one connection to a subsystem, for all its namespaces.
    if (!chosen.device.empty() && TRY(is_in_use(system, *subsystem))) return {};
    for (const std::string& name : TRY(system.list_directory(kControllers))) {
        std::string controller = text(kControllers, "/", name);
        if (!chosen.device.empty() && system.read_file(controller + "/subsysnqn").value_or("") != *subsystem)
            continue;
        if (trim(TRY(system.read_file(controller + "/transport"))) == "tcp")
            TRY(system.write_attribute(controller + "/delete_controller", "1"));
    }
    return {};
}

} // namespace mangrove
