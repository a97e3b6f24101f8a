#include "root/report_unit.h"

#include "base/json.h"
#include "base/log.h"
#include "machine/run_files.h"
#include "root/node_unit.h"

namespace mangrove {

namespace {

// It is started (Type=simple) and goes on by itself, so that systemd's start is finished without it. A target
// is not ordered after a unit that is ordered after the target. 75: the server was away for too long, which
// says nothing about this node (EX_TEMPFAIL of sysexits.h(3head)).
constexpr const char* kUnitText = "[Unit]\n"
                                  "Description=Posts Mangrove's boot report\n"
                                  "After=multi-user.target\n"
                                  "ConditionPathExists=!/run/mangrove/report-posted\n"
                                  "[Service]\n"
                                  "Type=simple\n"
                                  "ExecStart=/run/mangrove/mangrove post-report\n"
                                  "SuccessExitStatus=75\n";

} // namespace

std::optional<definition::Report> report_of_node(System& system, const definition::Definition& definition,
                                                 const std::optional<NetworkConfiguration>& network) {
    if (!definition.report) return std::nullopt;
    Result<std::string> url = url_of_node(system, definition, network, definition.report->url);
    if (url) return definition::Report{*std::move(url), definition.report->spread};
    log_warning("report.url: ", url.error().what, ", ignoring: the report will not be posted");
    return std::nullopt;
}

Result<> install_report_unit(System& system, const definition::Report& report) {
    Json json = make_json_object();
    cJSON_AddStringToObject(json.get(), "url", report.url.c_str());
    cJSON_AddNumberToObject(json.get(), "spread", static_cast<double>(report.spread.count()));
    TRY(install_client(system, report.url, kReportPostPath, print_json(json)));
    return install_unit(system, "mangrove-report.service", kUnitText);
}

} // namespace mangrove
