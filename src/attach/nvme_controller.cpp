#include "attach/nvme_controller.h"

namespace mangrove {

/// The kernel's own default is a connection for each processor: of a thousand nodes with a hundred each, more
/// than a server has memory for.
static constexpr unsigned kQueues = 4;

std::string connect_request(const NvmeConnection& connection) {
    std::string request =
        text("transport=tcp,traddr=", connection.address.to_text(), ",trsvcid=", connection.port,
             ",nqn=", connection.subsystem, ",hostnqn=", connection.host, ",hostid=", connection.host_id,
             ",nr_io_queues=", kQueues, ",reconnect_delay=2,ctrl_loss_tmo=-1");
    if (!connection.dhchap_secret.empty()) request += ",dhchap_secret=" + connection.dhchap_secret;
    return request;
}

Result<unsigned> controller_number(const std::string& answer) {
    constexpr std::string_view kInstance = "instance=";
    for (const std::string& field : split(trim(answer), ',')) {
        if (!field.starts_with(kInstance)) continue;
        std::optional<uint64_t> number = parse_number(std::string_view(field).substr(kInstance.size()));
        if (number && *number <= UINT32_MAX) return static_cast<unsigned>(*number);
    }
    return permanent_error("/dev/nvme-fabrics: no controller in the answer '", trim(answer), "'");
}

} // namespace mangrove
