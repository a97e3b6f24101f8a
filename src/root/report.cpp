#include "root/report.h"

#include "base/json.h"
#include "machine/boot_id.h"
#include "machine/kernel_command_line.h"
#include "machine/run_files.h"

namespace mangrove {

/// A step without an end goes on: the report is a part of it.
static cJSON* step_json(const TimedStep& step, Time begin, Time now) {
    cJSON* json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", step.name.c_str());
    cJSON_AddNumberToObject(json, "depth", step.depth);
    cJSON_AddNumberToObject(json, "start", in_seconds(step.start - begin));
    cJSON_AddNumberToObject(json, "seconds", in_seconds((step.end == Time() ? now : step.end) - step.start));
    cJSON_AddNumberToObject(json, "tries", step.tries);
    if (step.bytes > 0) cJSON_AddNumberToObject(json, "bytes", static_cast<double>(step.bytes));
    cJSON_AddStringToObject(json, "outcome", step.error.empty() ? "ok" : "failed");
    if (!step.error.empty()) cJSON_AddStringToObject(json, "error", step.error.c_str());
    return json;
}

static cJSON* verity_json(const Timeline& timeline) {
    cJSON* list = cJSON_CreateArray();
    for (const VerifiedDevice& verified : timeline.verified) {
        cJSON* json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "device", verified.device.c_str());
        cJSON_AddStringToObject(json, "data_device", verified.data.c_str());
        cJSON_AddStringToObject(json, "root_hash", verified.root_hash.c_str());
        cJSON_AddStringToObject(json, "on_corruption", verified.restarts ? "restart" : "error");
        cJSON_AddItemToArray(list, json);
    }
    return list;
}

std::string report_text(const std::string& name, const Timeline& timeline, Time now,
                        uint64_t peak_resident_bytes, uint64_t received_bytes) {
    Json report = make_json_object();
    cJSON_AddStringToObject(report.get(), "name", name.c_str());
    if (!timeline.release.empty()) cJSON_AddStringToObject(report.get(), "release", timeline.release.c_str());
    if (!timeline.boot_id.empty()) cJSON_AddStringToObject(report.get(), "boot_id", timeline.boot_id.c_str());
    if (!timeline.served.empty()) cJSON_AddStringToObject(report.get(), "served", timeline.served.c_str());
    if (timeline.is_soft) cJSON_AddTrueToObject(report.get(), "soft");
    if (timeline.takes_signed_only) cJSON_AddTrueToObject(report.get(), "signed_only");
    if (timeline.is_fallback) cJSON_AddTrueToObject(report.get(), "fallback");
    cJSON_AddNumberToObject(report.get(), "kernel_seconds", in_seconds(timeline.start - Time()));
    cJSON_AddNumberToObject(report.get(), "seconds", in_seconds(now - timeline.start));
    cJSON_AddNumberToObject(report.get(), "peak_resident_bytes", static_cast<double>(peak_resident_bytes));
    cJSON_AddNumberToObject(report.get(), "received_bytes", static_cast<double>(received_bytes));
    cJSON_AddStringToObject(report.get(), "definition", timeline.origin.c_str());
    cJSON* passed_over = cJSON_AddArrayToObject(report.get(), "passed_over");
    for (const PassedOver& each : timeline.passed_over) {
        cJSON* json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "definition", each.definition.c_str());
        cJSON_AddStringToObject(json, "error", each.error.c_str());
        cJSON_AddItemToArray(passed_over, json);
    }
    if (!timeline.verified.empty()) cJSON_AddItemToObject(report.get(), "verity", verity_json(timeline));
    cJSON* steps = cJSON_AddArrayToObject(report.get(), "steps");
    for (const TimedStep& step : timeline.steps)
        cJSON_AddItemToArray(steps, step_json(step, timeline.start, now));
    if (!timeline.definition.empty())
        cJSON_AddRawToObject(report.get(), "masked_definition", timeline.definition.c_str());
    if (!timeline.keeper_error.empty())
        cJSON_AddStringToObject(report.get(), "keeper_error", timeline.keeper_error.c_str());
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

/// By all cards since the start of the kernel.
static uint64_t received_bytes(System& system) {
    uint64_t sum = 0;
    Result<std::vector<std::string>> links = system.list_directory("/sys/class/net");
    for (const std::string& link : links.value_or(std::vector<std::string>())) {
        std::string directory = "/sys/class/net/" + link;
        // A VLAN or a bond receives what its cards have been counted for.
        if (system.path_kind(directory + "/device") == PathKind::missing) continue;
        Result<std::string> bytes = system.read_file(directory + "/statistics/rx_bytes");
        if (bytes) sum += parse_number(trim(*bytes)).value_or(0);
    }
    return sum;
}

std::string report_text(Boot& boot, const std::string& name) {
    System& system = boot.system;
    boot.timeline.is_soft = !boot.soft_id.empty();
    boot.timeline.boot_id = boot.timeline.is_soft ? boot.soft_id : boot_id(system).value_or("");
    if (Result<KernelCommandLine> line = read_kernel_command_line(system))
        boot.timeline.served = line->value("mangrove.served").value_or("");
    return report_text(name, boot.timeline, system.now(), peak_resident_bytes(system),
                       received_bytes(system));
}

Result<> write_report(Boot& boot, const std::string& name) {
    TRY(boot.system.make_directory(kRunDirectory));
    return boot.system.write_file(kReportPath, report_text(boot, name));
}

} // namespace mangrove
