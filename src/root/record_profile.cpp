#include "root/record_profile.h"

#include <cstdio>
#include <set>
#include <sysexits.h>

#include "base/json.h"
#include "base/log.h"
#include "base/utf8.h"
#include "machine/kernel_command_line.h"
#include "machine/run_files.h"
#include "net/fetch.h"
#include "net/url.h"
#include "root/node_unit.h"
#include "root/post_report.h"
#include "system/linux/system.h"

// Reads the argument `mangrove.profile=`.

namespace mangrove {

namespace {

/// A recording that nobody ends takes so long.
constexpr seconds kLongestRecording{900};
/// mangrove-head takes 1 MiB.
constexpr size_t kMostBytes = 1000 * 1000;
/// Of the process that records, which has thousands of files to look at.
constexpr seconds kTimeToWrite{60};
constexpr seconds kTimeToPost{60};
constexpr const char* kUnit = "mangrove-profile.service";

// As the report's unit; the profile ends with what the start of the system has read.
constexpr const char* kUnitText = "[Unit]\n"
                                  "Description=Ends the recording of what this boot reads, and posts it\n"
                                  "After=multi-user.target\n"
                                  "ConditionFileNotEmpty=/run/mangrove/profile-post.json\n"
                                  "[Service]\n"
                                  "Type=simple\n"
                                  "ExecStart=/run/mangrove/mangrove post-profile\n"
                                  "SuccessExitStatus=75\n";

bool is_wanted(System& system) {
    Result<std::string> line = read_arguments(system);
    std::optional<std::string> written =
        line ? KernelCommandLine::parse(*line).value("mangrove.profile") : std::nullopt;
    if (written && *written != "record" && *written != "off")
        log_warning("mangrove.profile=", *written, ": expected record or off; ignoring");
    return written == "record";
}

Result<> start_recording(const Boot& boot, const Root& root) {
    System& system = boot.system;
    Json json = make_json_object();
    std::string url = root.report ? profile_url(root.report->url) : "";
    cJSON_AddStringToObject(json.get(), "url", url.c_str());
    TRY(install_client(system, url, kProfilePostPath, print_json(json)));
    auto to_text = [name = root.name, release = boot.timeline.release](const std::vector<ReadFile>& files) {
        return profile_text(name, release, files);
    };
    TRY(system.record_reads({.root = root.path,
                             .end = kProfileEnd,
                             .result = kProfilePath,
                             .limit = kLongestRecording,
                             .to_text = to_text}));
    return install_unit(system, kUnit, kUnitText);
}

std::string line_of(const ReadFile& file) {
    Json json = make_json_object();
    cJSON_AddStringToObject(json.get(), "path", file.path.c_str());
    cJSON* ranges = cJSON_AddArrayToObject(json.get(), "ranges");
    for (const ReadPart& part : file.parts) {
        const double pair[] = {static_cast<double>(part.offset), static_cast<double>(part.size)};
        cJSON_AddItemToArray(ranges, cJSON_CreateDoubleArray(pair, 2));
    }
    return print_json(json);
}

} // namespace

void record_profile(const Boot& boot, const Root& root) {
    if (!is_wanted(boot.system)) return;
    Result<> started = start_recording(boot, root);
    if (started)
        log_notice("recording what this boot reads (mangrove.profile=record)");
    else
        log_warning("recording what this boot reads: ", started.error().what, ", ignoring");
}

std::string profile_text(const std::string& name, const std::string& release,
                         const std::vector<ReadFile>& files) {
    constexpr size_t kLongestName = 200;
    Json head = make_json_object();
    cJSON_AddNumberToObject(head.get(), "version", 1);
    for (const auto& [key, value] : {std::pair("name", name), std::pair("release", release)})
        if (!value.empty() && value.size() <= kLongestName && is_one_line(value))
            cJSON_AddStringToObject(head.get(), key, value.c_str());
    std::string text = print_json(head);
    text.back() = ',';
    text += "\"files\":[";
    const char* between = "\n";
    // A file that is replaced, or copied up in an overlay, is another one of the same name.
    std::set<std::string_view> known;
    for (const ReadFile& file : files) {
        if (!is_one_line(file.path) || !known.insert(file.path).second) continue;
        std::string line = line_of(file);
        if (text.size() + line.size() > kMostBytes) break;
        text += between + line;
        between = ",\n";
    }
    return text + "\n]}\n";
}

std::string profile_url(const std::string& report_url) {
    constexpr std::string_view kReport = "/report";
    std::string path = report_url.substr(0, report_url.find('?'));
    if (!path.ends_with(kReport)) return {};
    return path.substr(0, path.size() - kReport.size()) + "/profile" + report_url.substr(path.size());
}

Result<> post_profile(System& system) {
    constexpr milliseconds kPause{100};
    TRY(system.write_file(kProfileEnd, ""));
    for (Deadline deadline = system.now() + kTimeToWrite; system.path_kind(kProfilePath) == PathKind::missing;
         system.sleep(kPause))
        if (system.now() >= deadline)
            return permanent_error("no profile was recorded within ", kTimeToWrite.count(),
                                   " s; see the kernel's log");
    Json wanted(cJSON_Parse(TRY(system.read_file(kProfilePostPath)).c_str()));
    std::string url = text_at(wanted.get(), "url");
    if (url.empty()) {
        log_notice("the profile of the boot is ", kProfilePath);
        return {};
    }
    Posting posting = {.json = TRY(system.read_file(kProfilePath)),
                       .authorities = kServerAuthorities,
                       .time_limit = kTimeToPost};
    TRY(keep_posting(system, url, posting), "posting the profile of the boot");
    log_notice("posted the profile of the boot to ", TRY(Url::parse(url)).shown());
    // The URL can hold a password.
    return system.write_file(kProfilePostPath, "", 0600);
}

int run_post_profile(const std::vector<std::string>& arguments) {
    if (!arguments.empty()) {
        std::fputs("usage: mangrove post-profile\n", stderr);
        return 2;
    }
    LinuxSystem system(DeviceManager::kernel, LinuxSystem::DeviceEvents::ignored);
    Result<> posted = post_profile(system);
    if (posted) return 0;
    log_line(LogLevel::error, describe(posted.error()));
    return posted.error().is_transient() ? EX_TEMPFAIL : 1;
}

} // namespace mangrove
