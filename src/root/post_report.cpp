#include "root/post_report.h"

#include <cstdio>
#include <sysexits.h>

#include "base/json.h"
#include "base/log.h"
#include "machine/backoff.h"
#include "machine/run_files.h"
#include "net/fetch.h"
#include "net/url.h"
#include "system/linux/system.h"

namespace mangrove {

namespace {

constexpr seconds kPatience{3600};
constexpr milliseconds kFirstPause{2000};
constexpr milliseconds kLongestPause{300000};
constexpr seconds kTimeToPost{60};

} // namespace

/// Each new reason is said once.
Result<> keep_posting(System& system, const std::string& url, const Posting& posting) {
    Time begin = system.now();
    std::string last;
    for (Backoff backoff(system, kFirstPause, kLongestPause);;) {
        Result<> posted = post_json(system, url, posting);
        bool is_over = system.now() - begin >= kPatience;
        if (posted || !posted.error().is_transient() || is_over) return posted;
        if (posted.error().what != last) log_notice(posted.error().what, "; retrying for an hour");
        last = posted.error().what;
        TRY(backoff.wait());
    }
}

Result<> post_report(System& system) {
    Json wanted(cJSON_Parse(TRY(system.read_file(kReportPostPath)).c_str()));
    std::string url = text_at(wanted.get(), "url");
    Posting posting = {.json = TRY(system.read_file(kReportPath)),
                       .authorities = kServerAuthorities,
                       .time_limit = kTimeToPost};
    seconds spread(number_at(wanted.get(), "spread"));
    system.sleep(TRY(part_of(system, spread)));
    TRY(keep_posting(system, url, posting), "posting the report of the boot");
    log_notice("posted the report of the boot to ", TRY(Url::parse(url)).shown());
    TRY(system.write_file(kReportPosted, ""));
    // The URL can hold a password.
    return system.write_file(kReportPostPath, "", 0600);
}

int run_post_report(const std::vector<std::string>& arguments) {
    if (!arguments.empty()) {
        std::fputs("usage: mangrove post-report\n", stderr);
        return 2;
    }
    LinuxSystem system(DeviceManager::kernel, LinuxSystem::DeviceEvents::ignored);
    Result<> posted = post_report(system);
    if (posted) return 0;
    log_line(LogLevel::error, describe(posted.error()));
    return posted.error().is_transient() ? EX_TEMPFAIL : 1;
}

} // namespace mangrove
