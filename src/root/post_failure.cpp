#include "root/post_failure.h"

#include "base/json.h"
#include "base/log.h"
#include "machine/backoff.h"
#include "net/fetch.h"
#include "net/url.h"
#include "root/report.h"

namespace mangrove {

namespace {

// Somebody may wait for the machine to start again.
constexpr seconds kPatience{15};
constexpr seconds kTimeToPost{5};
constexpr size_t kLines = 60;

/// The end of the kernel's log; not the command line, which may hold a secret.
Json last_kernel_lines(System& system) {
    std::vector<std::string> lines = split(system.kernel_log().value_or(""), '\n');
    std::erase_if(lines,
                  [](const std::string& line) { return line.empty() || line.contains("ommand line: "); });
    Json list(cJSON_CreateArray());
    for (size_t i = lines.size() - std::min(lines.size(), kLines); i < lines.size(); ++i)
        cJSON_AddItemToArray(list.get(), cJSON_CreateString(lines[i].c_str()));
    return list;
}

std::string failure_text(Boot& boot, const Error& error) {
    Json report(cJSON_Parse(report_text(boot, "").c_str()));
    cJSON_AddStringToObject(report.get(), "failure", describe(error).c_str());
    cJSON_AddItemToObject(report.get(), "kernel_log", last_kernel_lines(boot.system).release());
    return print_json(report) + "\n";
}

} // namespace

Result<> post_failure(Boot& boot, const Error& error) {
    if (boot.report_url.empty()) return {};
    System& system = boot.system;
    Posting posting = {.json = failure_text(boot, error), .authorities = {}, .time_limit = kTimeToPost};
    Time begin = system.now();
    for (Backoff backoff(system, seconds(1), seconds(4));;) {
        Result<> posted = post_json(system, boot.report_url, posting);
        if (posted) log_notice("posted why the boot failed to ", TRY(Url::parse(boot.report_url)).shown());
        if (posted || !posted.error().is_transient() || system.now() - begin >= kPatience) return posted;
        TRY(backoff.wait());
    }
}

} // namespace mangrove
