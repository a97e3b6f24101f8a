#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "machine/each_address.h"
#include "machine/machine_identity.h"
#include "mount/mount.h"
#include "mount/nfs_options.h"

// The mount `nfs` (docs/schemes/nfs.md): a directory that a server exports, NFS 4.2 to 4.0 (RFC 7862, 8881,
// 7530) or 3 (RFC 1813), over TCP. Reads `host`, `path`, `ro`, `version` and `options`. The kernel does it
// all, but the choice of the address and of the version, and the name that tells this node from others.

namespace mangrove {

namespace {

constexpr seconds kTimeToConnect{10};
/// The kernel's own patience with a server that keeps silent is three minutes.
constexpr seconds kTimeToMount{30};

/// A server tells its clients of version 4 apart by name, and by default all nodes have the same one before
/// they have a host name: two of them would take each other's leases away
/// (Documentation/filesystems/nfs/client-identifier.rst).
Result<> set_client_identifier(System& system) {
    constexpr const char* kIdentifier = "/sys/module/nfs/parameters/nfs4_unique_id";
    std::string present = TRY(system.read_file(kIdentifier));
    if (!trim(present).empty()) return {};
    MachineIdentity identity = TRY(machine_identity(system));
    if (identity.text.empty())
        return permanent_error("this machine has neither a UUID nor a network card; set nfs.nfs4_unique_id= "
                               "on the kernel command line");
    return system.write_attribute(kIdentifier, identity.text);
}

/// Whether the server, or the kernel, does not have this version. The kernel says EINVAL for a minor version
/// that it was built without, but also for an option that it does not know.
bool is_unsupported(std::string_view version, const Error& error) {
    if (error.code == EINVAL) return version == "4.2" || version == "4.1";
    return error.code == EPROTONOSUPPORT || error.code == EPFNOSUPPORT;
}

/// One server at one of its addresses.
class Attempt {
  public:
    Attempt(System& system, const definition::MountNfs& wanted, const IpAddress& address, std::string target,
            unsigned long flags)
        : system_(system), wanted_(wanted), address_(address), target_(std::move(target)), flags_(flags) {}

    Result<> mount(Undo& undo) {
        Error error;
        std::vector<std::string> tried;
        for (const std::string& version : nfs_versions(wanted_)) {
            Result<> mounted = mount_version(version, undo);
            if (mounted) {
                log_notice("mounted ", nfs_source(wanted_), " with NFS ", version, " from ",
                           address_.to_text(), tried.empty() ? "" : "; " + join(tried, "; "));
                return {};
            }
            error = std::move(mounted).error();
            tried.push_back(error.what);
            if (!is_unsupported(version, error)) break;
        }
        error.what = join(tried, "; ");
        // A server that has answered has the last word, whatever the other addresses say.
        if (!answered_.empty()) error.code = 0;
        return std::unexpected(std::move(error));
    }

  private:
    /// So that a server that is away costs seconds, and is named for what it is.
    Result<> connect(std::string_view version) {
        for (uint16_t port : nfs_ports(wanted_, version)) {
            if (std::ranges::find(answered_, port) != answered_.end()) continue;
            auto socket = system_.network().connect_tcp(address_, port, system_.now() + kTimeToConnect);
            if (!socket) {
                Error error = std::move(socket).error();
                if (port == kPortmapperPort) error.what += " (NFS 3 without the option mountport=)";
                return std::unexpected(std::move(error));
            }
            answered_.push_back(port);
        }
        return {};
    }

    Result<> mount_version(const std::string& version, Undo& undo) {
        if (Result<> loaded = system_.load_module(std::string(nfs_module(version))); !loaded) {
            // An initramfs may hold the modules of one version only.
            loaded.error().code = EPROTONOSUPPORT;
            return loaded;
        }
        TRY(connect(version));
        MountRequest request = TRY(nfs_request(wanted_, version, address_));
        request.target = target_;
        request.flags |= flags_;
        request.time_limit = kTimeToMount;
        Result<> mounted = mount_undoably(system_, request, undo);
        if (!mounted) mounted.error().what = explain(mounted.error(), version);
        return mounted;
    }

    /// Explains a server's refusal in the words of the definition.
    std::string explain(const Error& error, std::string_view version) const {
        std::string address = address_.to_text();
        switch (error.code) {
        case ENOENT:
            // Servers of version 4 hide what a client may not see.
            return text(address, " does not export ", wanted_.path, " to this node (NFS ", version, ")");
        case ENOTDIR:
            return text(wanted_.path, " of ", address, " is not a directory (NFS ", version, ")");
        case EACCES:
        case EPERM:
            return text(address, " does not let this node mount ", wanted_.path, " (NFS ", version,
                        "): ", errno_text(error.code));
        case EPROTONOSUPPORT:
        case EPFNOSUPPORT:
            return text(address, " does not support NFS ", version);
        case EINVAL:
            if (wanted_.options.empty()) break;
            return text("NFS ", version, " from ", address, " with the options ", join(wanted_.options, ","),
                        ": ", error.what);
        default:
            break;
        }
        return text("NFS ", version, " from ", address, ": ", error.what);
    }

    System& system_;
    const definition::MountNfs& wanted_;
    IpAddress address_;
    std::string target_;
    unsigned long flags_;
    std::vector<uint16_t> answered_; ///< ports
};

} // namespace

Result<> mount(Boot& boot, const definition::MountNfs& wanted, const std::string& target, unsigned long flags,
               Undo& undo) {
    System& system = boot.system;
    TRY(system.load_module("nfs"));
    TRY(set_client_identifier(system), "setting the NFS client identifier");
    return try_each_address(system.network(), wanted.host, [&](const IpAddress& address) {
        return Attempt(system, wanted, address, target, flags).mount(undo);
    });
}

} // namespace mangrove
