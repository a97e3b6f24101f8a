#include "root/report.h"

#include "base/json.h"

namespace mangrove {

/// A step without an end goes on: the report is a part of it.
static cJSON* step_json(const TimedStep& step, Time begin, Time now) {
    cJSON* json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", step.name.c_str());
    cJSON_AddNumberToObject(json, "depth", step.depth);
    cJSON_AddNumberToObject(json, "start", in_seconds(step.start - begin));
    cJSON_AddNumberToObject(json, "seconds", in_seconds((step.end == Time() ? now : step.end) - step.start));
    if (!step.error.empty()) cJSON_AddStringToObject(json, "error", step.error.c_str());
    return json;
}

std::string report_text(const std::string& name, const Timeline& timeline, Time now,
                        uint64_t peak_resident_bytes) {
    Json report = make_json_object();
    cJSON_AddStringToObject(report.get(), "name", name.c_str());
    cJSON_AddNumberToObject(report.get(), "kernel_seconds", in_seconds(timeline.start - Time()));
    cJSON_AddNumberToObject(report.get(), "seconds", in_seconds(now - timeline.start));
    cJSON_AddNumberToObject(report.get(), "peak_resident_bytes", static_cast<double>(peak_resident_bytes));
    cJSON_AddStringToObject(report.get(), "definition", timeline.origin.c_str());
    cJSON* passed_over = cJSON_AddArrayToObject(report.get(), "passed_over");
    for (const PassedOver& each : timeline.passed_over) {
        cJSON* json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "definition", each.definition.c_str());
        cJSON_AddStringToObject(json, "error", each.error.c_str());
        cJSON_AddItemToArray(passed_over, json);
    }
    cJSON* steps = cJSON_AddArrayToObject(report.get(), "steps");
    for (const TimedStep& step : timeline.steps)
        cJSON_AddItemToArray(steps, step_json(step, timeline.start, now));
    return print_json(report) + "\n";
}

/// The highest resident memory of this process (VmHWM of proc(5)), 0 when the kernel does not tell.
static uint64_t peak_resident_bytes(System& system) {
    Result<std::string> status = system.read_file("/proc/self/status");
    if (!status) return 0;
    for (const std::string& line : split(*status, '\n')) {
        if (!line.starts_with("VmHWM:")) continue;
        std::string_view amount = trim(std::string_view(line).substr(6));
        return parse_number(amount.substr(0, amount.find(' '))).value_or(0) * 1024;
    }
    return 0;
}

Result<> write_report(System& system, const std::string& name) {
    TRY(system.make_directory("/run/mangrove"));
    return system.write_file(kReportPath,
                             report_text(name, system.timeline, system.now(), peak_resident_bytes(system)));
}

} // namespace mangrove
