#include "root/health_unit.h"

#include "base/json.h"
#include "base/log.h"
#include "machine/run_files.h"
#include "root/node_unit.h"

namespace mangrove {

namespace {

// As with the report: a system that still starts is not healthy yet.
constexpr const char* kUnitText = "[Unit]\n"
                                  "Description=Posts the health of this node to the head node\n"
                                  "After=multi-user.target\n"
                                  "[Service]\n"
                                  "Type=simple\n"
                                  "ExecStart=/run/mangrove/mangrove post-health --keep\n"
                                  "Restart=on-failure\n"
                                  "RestartSec=10\n";

} // namespace

std::optional<definition::Health> health_of_node(System& system, const definition::Definition& definition,
                                                 const std::optional<NetworkConfiguration>& network) {
    if (!definition.health) return std::nullopt;
    Result<std::string> url = url_of_node(system, definition, network, definition.health->url);
    if (url) return definition::Health{*std::move(url), definition.health->interval};
    log_warning("health.url: ", url.error().what, ", ignoring: the node does not post its health");
    return std::nullopt;
}

Result<> install_health_unit(System& system, const definition::Health& health) {
    Json json = make_json_object();
    cJSON_AddStringToObject(json.get(), "url", health.url.c_str());
    cJSON_AddNumberToObject(json.get(), "interval", static_cast<double>(health.interval.count()));
    TRY(install_client(system, health.url, kHealthSettings, print_json(json)));
    return install_unit(system, "mangrove-health.service", kUnitText);
}

} // namespace mangrove
