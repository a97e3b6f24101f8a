#include "root/report_unit.h"

#include "base/json.h"
#include "base/log.h"
#include "machine/run_files.h"
#include "net/fetch.h"
#include "net/node_url.h"
#include "net/url.h"
#include "root/tear_down.h"

namespace mangrove {

namespace {

constexpr const char* kUnits = "/run/systemd/system";
constexpr const char* kUnit = "mangrove-report.service";

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

Result<definition::Report> fill_in_report(System& system, const definition::Definition& definition,
                                          const std::optional<NetworkConfiguration>& network) {
    definition::Report report = *definition.report;
    std::optional<NetworkConfiguration> named = network;
    if (named && !definition.hostname.empty()) named->host_name = definition.hostname;
    report.url = TRY(node_url(system, named, report.url));
    TRY(Url::parse(report.url));
    return report;
}

/// Where another initramfs ends the machine, the program is not there yet.
Result<> install_program(System& system) {
    if (system.path_kind(kProgramLink) != PathKind::missing) return {};
    return system.copy_file("/proc/self/exe", kProgramLink, 0755);
}

} // namespace

std::optional<definition::Report> report_of_node(System& system, const definition::Definition& definition,
                                                 const std::optional<NetworkConfiguration>& network) {
    if (!definition.report) return std::nullopt;
    Result<definition::Report> report = fill_in_report(system, definition, network);
    if (report) return *std::move(report);
    log_warning("report.url: ", report.error().what, ", ignoring: the report will not be posted");
    return std::nullopt;
}

Result<> install_report_unit(System& system, const definition::Report& report) {
    TRY(system.make_directory(kRunDirectory));
    TRY(install_program(system));
    Json json = make_json_object();
    cJSON_AddStringToObject(json.get(), "url", report.url.c_str());
    cJSON_AddNumberToObject(json.get(), "spread", static_cast<double>(report.spread.count()));
    if (report.url.starts_with("https:"))
        TRY(system.copy_file(TRY(find_authorities(system)), kReportAuthorities));
    TRY(system.write_file(kReportPostPath, print_json(json) + "\n", 0600));
    std::string wants = text(kUnits, "/multi-user.target.wants");
    TRY(system.make_directory(wants));
    TRY(system.write_file(text(kUnits, "/", kUnit), kUnitText));
    return system.make_link(text(wants, "/", kUnit), text("../", kUnit));
}

} // namespace mangrove
