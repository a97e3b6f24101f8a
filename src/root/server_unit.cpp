#include "root/server_unit.h"

#include "base/json.h"
#include "base/log.h"
#include "machine/run_files.h"
#include "root/node_unit.h"

namespace mangrove {

using definition::Definition;
using definition::NodeServer;

// The network is up from the boot on, so it starts with the first ordinary services, whose targets do not
// wait for it: a server that is away must not hold the boot up.
const ServerUnit kFilesUnit = {
    .server = &Definition::files,
    .key = "files",
    .without = "the node gets no live files",
    .settings = kFilesSettings,
    .name = "mangrove-files.service",
    .text = "[Unit]\n"
            "Description=Keeps files of this node as the head node has them\n"
            "[Service]\n"
            "Type=simple\n"
            "ExecStart=/run/mangrove/mangrove files\n"
            "Restart=on-failure\n"
            "RestartSec=10\n",
};

// From the first ordinary services on, so that the head node hears of a node whose system never comes to the
// end of its start.
const ServerUnit kHealthUnit = {
    .server = &Definition::health,
    .key = "health",
    .without = "the node does not post its health",
    .settings = kHealthSettings,
    .name = "mangrove-health.service",
    .text = "[Unit]\n"
            "Description=Posts the health of this node to the head node\n"
            "[Service]\n"
            "Type=simple\n"
            "ExecStart=/run/mangrove/mangrove post-health --keep\n"
            "Restart=on-failure\n"
            "RestartSec=10\n",
};

std::optional<NodeServer> server_of_node(System& system, const ServerUnit& unit, const Definition& definition,
                                         const std::optional<NetworkConfiguration>& network) {
    const std::optional<NodeServer>& server = definition.*unit.server;
    if (!server) return std::nullopt;
    Result<std::string> url = url_of_node(system, definition, network, server->url);
    if (url) return NodeServer{*std::move(url), server->interval};
    log_warning(unit.key, ".url: ", url.error().what, ", ignoring: ", unit.without);
    return std::nullopt;
}

Result<> install_server_unit(System& system, const ServerUnit& unit, const NodeServer& server) {
    Json json = make_json_object();
    cJSON_AddStringToObject(json.get(), "url", server.url.c_str());
    cJSON_AddNumberToObject(json.get(), "interval", static_cast<double>(server.interval.count()));
    TRY(install_client(system, server.url, unit.settings, print_json(json)));
    return install_unit(system, unit.name, unit.text);
}

Result<NodeServer> read_server(System& system, const ServerUnit& unit) {
    Json json(cJSON_Parse(TRY(system.read_file(unit.settings)).c_str()));
    NodeServer server = {.url = text_at(json.get(), "url"),
                         .interval = seconds(number_at(json.get(), "interval"))};
    if (server.url.empty() || server.interval.count() == 0)
        return permanent_error(unit.settings, " names no server");
    return server;
}

} // namespace mangrove
