#include <algorithm>
#include <variant>

#include "attach/attach.h"
#include "attach/nbd_connection.h"
#include "attach/watched_nbd.h"
#include "base/log.h"
#include "system/nbd_devices.h"

// The attachment `nbd` (docs/schemes/nbd.md): an export of an NBD server. The handshake is ours, after it the
// kernel has the connections. Reads `host`, `port`, `export`, `connections`, `timeout` and
// `replacement_timeout`.

namespace mangrove {

namespace {

constexpr uint32_t kPage = 4096; ///< the kernel's largest block, and the smallest of its largest requests
constexpr uint32_t kSmallestBlock = 512;

/// Whether the kernel can keep to what the server wants of requests.
Result<> check_sizes(const nbd::Export& found, const std::string& name) {
    if (found.minimum_block > kPage)
        return permanent_error("export '", name, "': the minimum block size is ", found.minimum_block,
                               " bytes; the kernel supports at most ", kPage);
    if (found.maximum_request != 0 && found.maximum_request < kPage)
        return permanent_error("export '", name, "': the maximum request size is ", found.maximum_request,
                               " bytes; the kernel needs at least ", kPage);
    return {};
}

/// Opens what was asked for beside the first connection, or as many as the server lets.
Result<> open_further(System& system, const definition::Nbd& wanted, const IpAddress& address,
                      NbdDeviceRequest& request) {
    while (request.connections.size() < wanted.connections) {
        Result<NbdConnection> further = connect_nbd(system, wanted, address);
        if (!further) {
            log_notice("another connection to the NBD server failed, continuing with ",
                       request.connections.size(), ": ", further.error().what);
            return {};
        }
        if (further->found.size != request.size)
            return transient_error("export '", wanted.export_name,
                                   "': its size changed between two connections");
        request.connections.push_back(std::move(further->socket));
    }
    return {};
}

struct Opened {
    NbdDeviceRequest request;
    IpAddress address;
    uint32_t maximum_request = 0;
    bool is_read_only = false;
};

Result<Opened> open_connections(System& system, const definition::Nbd& wanted) {
    NbdConnection first = TRY(connect_nbd(system, wanted));
    TRY(check_sizes(first.found, wanted.export_name));
    Opened opened;
    opened.address = first.address;
    opened.is_read_only = first.found.is_read_only();
    opened.maximum_request = first.found.maximum_request;
    opened.request.size = first.found.size;
    opened.request.block_size = std::max(first.found.minimum_block, kSmallestBlock);
    opened.request.server_flags = first.found.flags;
    opened.request.request_timeout = wanted.timeout;
    opened.request.dead_timeout = patience_in_boot(nbd_dead_timeout(wanted));
    opened.request.connections.push_back(std::move(first.socket));
    if (first.found.takes_several_connections())
        TRY(open_further(system, wanted, first.address, opened.request));
    else if (wanted.connections > 1)
        log_notice("the NBD server allows one connection to the export '", wanted.export_name,
                   "'; using 1 instead of ", wanted.connections);
    return opened;
}

/// The server may refuse longer requests, so that the boot cannot go on when it does not take effect.
Result<> limit_requests(System& system, uint32_t device, uint32_t maximum_request) {
    if (maximum_request == 0) return {};
    std::string path = text("/sys/block/nbd", device, "/queue/max_sectors_kb");
    std::string now = TRY(system.read_file(path));
    uint32_t wanted = maximum_request / 1024;
    if (parse_number(trim(now)).value_or(0) <= wanted) return {};
    return system.write_attribute(path, text(wanted));
}

} // namespace

Result<std::string> attach(Boot& boot, const definition::Nbd& wanted, Undo& undo) {
    System& system = boot.system;
    TRY(system.load_module("nbd"));
    Opened opened = TRY(open_connections(system, wanted));
    size_t connections = opened.request.connections.size();
    uint64_t size = opened.request.size;
    uint32_t number = TRY(system.nbd_devices().connect(std::move(opened.request)));
    std::string device = text("/dev/nbd", number);
    std::shared_ptr<WatchedConnection> watched =
        watch_nbd(wanted, number, {connections, size, opened.address, opened.is_read_only});
    undo.push("disconnecting " + device, [&boot, watched, number] {
        std::erase(boot.connections, watched);
        return boot.system.nbd_devices().disconnect(number);
    });
    boot.connections.push_back(watched);
    TRY(wait_for_device(system, device));
    TRY(limit_requests(system, number, opened.maximum_request));
    log_notice("export '", wanted.export_name, "' of ", wanted.host, " is ", device, " over ", connections,
               connections == 1 ? " connection" : " connections");
    return device;
}

Result<> release(System& system, const Attached<definition::Nbd>& chosen) {
    for (const std::string& name : TRY(system.list_directory("/sys/block"))) {
        std::optional<uint64_t> number =
            name.starts_with("nbd") ? parse_number(std::string_view(name).substr(3)) : std::nullopt;
        // Only a device that is connected has this file.
        if (number && chosen.includes("/dev/" + name)
            && system.path_kind(text("/sys/block/", name, "/pid")) == PathKind::file)
            TRY(system.nbd_devices().disconnect(static_cast<uint32_t>(*number)));
    }
    return {};
}

} // namespace mangrove
