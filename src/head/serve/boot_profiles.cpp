#include "head/serve/boot_profiles.h"

#include <algorithm>

#include "base/utc_time.h"
#include "head/host/files.h"
#include "head/host/json.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kEnd = ".json";
constexpr std::string_view kEndOfRequest = ".requested";

fs::file_time_type time_of(const fs::path& file) {
    std::error_code ignored;
    return fs::last_write_time(file, ignored);
}

std::vector<fs::path> files_in(const fs::path& directory, std::string_view end = kEnd) {
    std::vector<fs::path> files;
    std::error_code problem;
    for (auto entry = fs::directory_iterator(directory, problem); !problem && entry != fs::end(entry);
         entry.increment(problem))
        if (entry->path().extension() == end) files.push_back(entry->path());
    std::ranges::sort(files);
    return files;
}

/// Nothing where it was removed meanwhile, or is none.
std::optional<PostedProfile> read_posted(const fs::path& file) {
    auto time = std::chrono::file_clock::to_sys(time_of(file));
    Result<BootProfile> profile = read_profile(file);
    if (!profile) return std::nullopt;
    return PostedProfile{.node = file.stem(),
                         .received = utc_text(std::chrono::floor<std::chrono::seconds>(time)),
                         .name = profile->name,
                         .release = profile->release,
                         .files = profile->files.size(),
                         .bytes = profile->bytes()};
}

} // namespace

Result<> BootProfiles::request(const std::string& node) const {
    TRY(make_directories(directory_));
    return write_file(directory_ / (node + std::string(kEndOfRequest)), "");
}

bool BootProfiles::is_requested(const std::string& node) const {
    std::error_code ignored;
    return fs::exists(directory_ / (node + std::string(kEndOfRequest)), ignored);
}

Result<> BootProfiles::keep(const std::string& node, const std::string& written) const {
    BootProfile profile = TRY(parse_profile(written), "reading the profile of node ", node);
    TRY(make_directories(directory_));
    TRY(write_file(directory_ / (node + std::string(kEnd)), to_text(profile)));
    std::error_code ignored;
    fs::remove(directory_ / (node + std::string(kEndOfRequest)), ignored);
    std::vector<fs::path> files = files_in(directory_);
    if (files.size() <= kMostNodes) return {};
    fs::remove(*std::ranges::min_element(files, {}, time_of), ignored);
    return {};
}

std::vector<PostedProfile> BootProfiles::list() const {
    std::vector<PostedProfile> all;
    for (const fs::path& file : files_in(directory_))
        if (std::optional<PostedProfile> posted = read_posted(file)) all.push_back(*std::move(posted));
    return all;
}

void BootProfiles::keep_nodes(const std::function<bool(const std::string& node)>& is_node) const {
    std::error_code ignored;
    for (std::string_view end : {kEnd, kEndOfRequest})
        for (const fs::path& file : files_in(directory_, end))
            if (!is_node(file.stem())) fs::remove(file, ignored);
}

std::optional<BootProfile> BootProfiles::of_node(const std::string& node) const {
    fs::path file = directory_ / (node + std::string(kEnd));
    // A name with a slash is that of no node.
    if (file.parent_path() != directory_) return std::nullopt;
    Result<BootProfile> profile = read_profile(file);
    return profile ? std::optional(*std::move(profile)) : std::nullopt;
}

Json description_of(const PostedProfile& posted) {
    Json json = make_json_object();
    add_text(json.get(), "node", posted.node);
    add_text(json.get(), "received", posted.received);
    if (!posted.name.empty()) add_text(json.get(), "name", posted.name);
    if (!posted.release.empty()) add_text(json.get(), "release", posted.release);
    cJSON_AddNumberToObject(json.get(), "files", static_cast<double>(posted.files));
    cJSON_AddNumberToObject(json.get(), "bytes", static_cast<double>(posted.bytes));
    return json;
}

} // namespace mangrove::head
