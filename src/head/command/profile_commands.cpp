#include "head/command/profile_commands.h"

#include <cstdio>

#include "head/command/head_api.h"
#include "head/host/files.h"
#include "head/image/boot_profile.h"
#include "head/nodes/objects.h"

namespace mangrove::head {

namespace {

bool is_file(const std::string& source) {
    return source.contains('/') || source.ends_with(".json");
}

Result<BootProfile> find_profile(const Call& call, const std::string& source) {
    if (is_file(source)) return read_profile(source);
    TRY(check_name("node", source));
    Json json = TRY(ask_head(call.directories.socket, "/v1/profiles/" + source, ""));
    return parse_profile(print_json(json));
}

std::string size_of(uint64_t bytes) {
    return size_as_text(bytes);
}

} // namespace

Outcome<> profile_list(Call& call) {
    Json profiles = TRY(ask_head(call.directories.socket, "/v1/profiles", ""));
    if (call.form == Form::json) {
        print(profiles);
        return {};
    }
    std::printf("%-20s %-21s %6s %9s  %s\n", "NODE", "RECEIVED", "FILES", "READ", "RELEASE");
    const cJSON* one = nullptr;
    cJSON_ArrayForEach(one, profiles.get()) {
        std::string release = text_at(one, "release");
        std::printf("%-20s %-21s %6.0f %9s  %s\n", text_at(one, "node").c_str(),
                    text_at(one, "received").c_str(), static_cast<double>(number_at(one, "files")),
                    size_of(number_at(one, "bytes")).c_str(), release.empty() ? "-" : release.c_str());
    }
    if (cJSON_GetArraySize(profiles.get()) == 0)
        hint(call, "no node has posted a profile; ask for one with mangrovectl profile record NODES");
    return {};
}

Outcome<> profile_record(Call& call, const std::string& nodes) {
    Json told = TRY(tell_head(call.directories.socket, "/v1/profiles", nodes));
    if (call.form == Form::json)
        print(told);
    else
        call.progress.note(mangrove::text(text_at(told.get(), "nodes"), ": the next boot records a profile"));
    return {};
}

Outcome<> profile_show(Call& call, const std::string& source) {
    BootProfile profile = TRY(find_profile(call, source));
    if (call.form == Form::json) {
        std::fputs(to_text(profile).c_str(), stdout);
        return {};
    }
    for (const ProfiledFile& file : profile.files) {
        uint64_t bytes = 0;
        for (const ReadRange& range : file.ranges)
            bytes += range.size;
        std::printf("%9s  %s\n", size_of(bytes).c_str(), file.path.c_str());
    }
    return {};
}

Outcome<> profile_merge(Call& call, const std::vector<std::string>& sources,
                        const std::filesystem::path& output) {
    std::vector<BootProfile> profiles;
    for (const std::string& source : sources)
        profiles.push_back(TRY(find_profile(call, source)));
    BootProfile merged = TRY(merge_profiles(profiles));
    std::string text = to_text(merged);
    if (output.empty()) {
        std::fputs(text.c_str(), stdout);
        return {};
    }
    TRY(write_file(output, text));
    if (call.form == Form::json) {
        Json json = make_json_object();
        add_text(json.get(), "file", output);
        cJSON_AddNumberToObject(json.get(), "files", static_cast<double>(merged.files.size()));
        cJSON_AddNumberToObject(json.get(), "boots", static_cast<double>(merged.boots));
        print(json);
        return {};
    }
    call.progress.note(mangrove::text(output.native(), ": ", merged.files.size(), " files of ", merged.boots,
                                      merged.boots == 1 ? " boot" : " boots"));
    return {};
}

} // namespace mangrove::head
