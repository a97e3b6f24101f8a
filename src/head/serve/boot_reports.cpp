#include "head/serve/boot_reports.h"

#include <algorithm>

#include "base/utc_time.h"
#include "base/utf8.h"
#include "head/host/files.h"
#include "head/host/json.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

constexpr size_t kLongestText = 200;
constexpr size_t kLongestError = 2000;
constexpr int kMostSteps = 200;
constexpr size_t kDigitsOfTime = 13;
constexpr size_t kDigitsOfBoot = 16;

/// "1796000000000-0123456789abcdef.json": names sort by time, and tell two reports of one boot.
std::vector<std::string> names_in(const fs::path& directory) {
    std::vector<std::string> names;
    std::error_code problem;
    for (auto entry = fs::directory_iterator(directory, problem); !problem && entry != fs::end(entry);
         entry.increment(problem))
        if (entry->path().extension() == ".json") names.push_back(entry->path().filename());
    std::ranges::sort(names);
    return names;
}

std::string boot_of(const std::string& name) {
    return name.size() > kDigitsOfTime + 1 ? name.substr(kDigitsOfTime + 1) : name;
}

/// A boot that fails and the one after it have different ids; an initramfs of an earlier version names none.
std::string file_of_boot(const std::string& report) {
    Json json(cJSON_Parse(report.c_str()));
    std::string boot = text_at(json.get(), "boot_id");
    return digest_of_text(boot.empty() ? report : boot).substr(0, kDigitsOfBoot) + ".json";
}

std::string name_for(const std::string& boot, const std::vector<std::string>& names) {
    auto known = std::ranges::find(names, boot, boot_of);
    if (known != names.end()) return *known;
    auto now = std::chrono::system_clock::now().time_since_epoch();
    int64_t time = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
    // The clock may have been set back, or stand still.
    if (!names.empty())
        time = std::max(
            time, static_cast<int64_t>(parse_number(names.back().substr(0, kDigitsOfTime)).value_or(0) + 1));
    std::string digits = text(time);
    return text(std::string(kDigitsOfTime - std::min(kDigitsOfTime, digits.size()), '0'), digits, "-", boot);
}

std::string received_of(const std::string& name) {
    auto milliseconds = static_cast<int64_t>(parse_number(name.substr(0, kDigitsOfTime)).value_or(0));
    return utc_text(std::chrono::sys_seconds(std::chrono::seconds(milliseconds / 1000)));
}

/// Nothing where it was removed meanwhile.
std::optional<BootReport> read_report(const fs::path& file) {
    Result<std::string> written = read_file(file);
    if (!written) return std::nullopt;
    return BootReport{received_of(file.filename()), Json(cJSON_Parse(written->c_str()))};
}

/// Bytes that are not UTF-8 become '?', so that what is made of them is JSON.
std::string bounded(std::string_view written, size_t most) {
    std::string text;
    while (!written.empty()) {
        size_t length = character_length(written);
        if (text.size() + std::max<size_t>(length, 1) > most) break;
        text += length == 0 ? "?" : written.substr(0, length);
        written.remove_prefix(std::max<size_t>(length, 1));
    }
    return text;
}

void copy_text(cJSON* to, const cJSON* from, const char* key, size_t most) {
    if (std::string value = text_at(from, key); !value.empty()) add_text(to, key, bounded(value, most));
}

void copy_number(cJSON* to, const cJSON* from, const char* key) {
    const cJSON* value = cJSON_GetObjectItemCaseSensitive(from, key);
    constexpr double kMost = 1e15;
    if (cJSON_IsNumber(value) && value->valuedouble >= 0 && value->valuedouble <= kMost)
        cJSON_AddNumberToObject(to, key, value->valuedouble);
}

Json step_json(const cJSON* step) {
    Json json = make_json_object();
    copy_text(json.get(), step, "name", kLongestText);
    for (const char* key : {"depth", "start", "seconds", "tries", "bytes"})
        copy_number(json.get(), step, key);
    copy_text(json.get(), step, "outcome", kLongestText);
    copy_text(json.get(), step, "error", kLongestError);
    return json;
}

} // namespace

std::string first_line(const std::string& written, size_t most) {
    std::string line = bounded(std::string_view(written).substr(0, written.find('\n')), most);
    std::ranges::replace_if(
        line, [](unsigned char letter) { return letter < ' ' || letter == 127; }, ' ');
    return line;
}

Result<> BootReports::open() {
    TRY(make_directories(directory_));
    std::error_code problem;
    for (auto node = fs::directory_iterator(directory_, problem); !problem && node != fs::end(node);
         node.increment(problem)) {
        std::vector<std::string> names = names_in(node->path());
        if (names.empty()) continue;
        Result<std::string> report = read_file(node->path() / names.back());
        if (report) note(node->path().filename(), names.back(), *report);
    }
    return {};
}

void BootReports::note(const std::string& node, const std::string& name, const std::string& report) {
    Json json(cJSON_Parse(report.c_str()));
    std::string failure = first_line(text_at(json.get(), "failure"), kLongestError);
    std::lock_guard lock(mutex_);
    if (failure.empty())
        failures_.erase(node);
    else
        failures_[node] = {received_of(name), failure};
}

Result<> BootReports::keep(const std::string& node, const std::string& report) {
    if (report.size() > kMostBytes)
        return permanent_error("node ", node, ": its report has ", report.size(), " bytes, more than ",
                               kMostBytes, "; it is not kept");
    fs::path directory = directory_ / node;
    TRY(make_directories(directory));
    std::vector<std::string> names = names_in(directory);
    std::string name = name_for(file_of_boot(report), names);
    TRY(write_file(directory / name, report));
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    for (size_t i = 0; i + kMostOfNode < names.size(); ++i) {
        std::error_code ignored;
        fs::remove(directory / names[i], ignored);
    }
    if (name == names.back()) note(node, name, report);
    return {};
}

void BootReports::keep_nodes(const std::function<bool(const std::string& node)>& is_node) {
    std::vector<fs::path> gone;
    std::error_code problem;
    for (auto node = fs::directory_iterator(directory_, problem); !problem && node != fs::end(node);
         node.increment(problem))
        if (!is_node(node->path().filename())) gone.push_back(node->path());
    for (const fs::path& path : gone) {
        (void)remove_tree(path);
        std::lock_guard lock(mutex_);
        failures_.erase(path.filename());
    }
}

std::vector<BootReport> BootReports::of_node(const std::string& node) const {
    std::vector<BootReport> reports;
    fs::path directory = directory_ / node;
    std::vector<std::string> names = names_in(directory);
    std::ranges::reverse(names);
    for (const std::string& name : names)
        if (std::optional<BootReport> report = read_report(directory / name))
            reports.push_back(*std::move(report));
    return reports;
}

std::optional<BootReport> BootReports::last_of(const std::string& node) const {
    fs::path directory = directory_ / node;
    std::vector<std::string> names = names_in(directory);
    return names.empty() ? std::nullopt : read_report(directory / names.back());
}

std::map<std::string, BootFailure> BootReports::failures() const {
    std::lock_guard lock(mutex_);
    return failures_;
}

Json description_of(const BootReport& one) {
    Json json = make_json_object();
    const cJSON* report = one.report.get();
    add_text(json.get(), "received", one.received);
    for (const char* key : {"name", "release", "boot_id"})
        copy_text(json.get(), report, key, kLongestText);
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(report, "fallback")))
        cJSON_AddTrueToObject(json.get(), "fallback");
    copy_text(json.get(), report, "failure", kLongestError);
    for (const char* key : {"kernel_seconds", "seconds", "received_bytes"})
        copy_number(json.get(), report, key);
    cJSON* steps = cJSON_AddArrayToObject(json.get(), "steps");
    const cJSON* step = nullptr;
    cJSON_ArrayForEach(step, cJSON_GetObjectItemCaseSensitive(report, "steps")) {
        if (cJSON_GetArraySize(steps) >= kMostSteps) break;
        if (cJSON_IsObject(step)) cJSON_AddItemToArray(steps, step_json(step).release());
    }
    return json;
}

} // namespace mangrove::head
