#include "root/files_unit.h"

#include "base/json.h"
#include "base/log.h"
#include "machine/run_files.h"
#include "root/node_unit.h"

namespace mangrove {

namespace {

// The network is up from the boot on, so it starts with the first ordinary services, whose targets do not
// wait for it: a server that is away must not hold the boot up.
constexpr const char* kUnitText = "[Unit]\n"
                                  "Description=Keeps files of this node as the head node has them\n"
                                  "[Service]\n"
                                  "Type=simple\n"
                                  "ExecStart=/run/mangrove/mangrove files\n"
                                  "Restart=on-failure\n"
                                  "RestartSec=10\n";

} // namespace

std::optional<definition::Files> files_of_node(System& system, const definition::Definition& definition,
                                               const std::optional<NetworkConfiguration>& network) {
    if (!definition.files) return std::nullopt;
    Result<std::string> url = url_of_node(system, definition, network, definition.files->url);
    if (url) return definition::Files{*std::move(url), definition.files->interval};
    log_warning("files.url: ", url.error().what, ", ignoring: the node gets no live files");
    return std::nullopt;
}

Result<> install_files_unit(System& system, const definition::Files& files) {
    Json json = make_json_object();
    cJSON_AddStringToObject(json.get(), "url", files.url.c_str());
    cJSON_AddNumberToObject(json.get(), "interval", static_cast<double>(files.interval.count()));
    TRY(install_client(system, files.url, kFilesSettings, print_json(json)));
    return install_unit(system, "mangrove-files.service", kUnitText);
}

} // namespace mangrove
