#include "head/command/target_commands.h"

#include <cstdio>

namespace mangrove::head {

namespace {

/// Scripts take either form as it is.
void print_as(const Call& call, const Json& json, const std::string& shown) {
    if (call.form == Form::json)
        print(json);
    else
        print_line(shown);
}

Json fact(const char* key, const std::string& value) {
    Json json = make_json_object();
    add_text(json.get(), key, value);
    return json;
}

} // namespace

Outcome<> target_start(Call& call, const Target& asked) {
    Target target = TRY(start_target(call.directories, asked, call.progress));
    print_as(call, to_json(target), target.iqn);
    return {};
}

Outcome<> target_stop(Call& call, const std::string& name, InUse in_use) {
    TRY(stop_target(call.directories, name, in_use, call.progress));
    if (call.form == Form::json) print(fact("stopped", name));
    return {};
}

Outcome<> target_show(Call& call, const std::string& name, TargetFact wanted) {
    Target target = TRY(find_target(call.directories, name));
    if (wanted == TargetFact::host) print_as(call, fact("host", target.host), target.host);
    if (wanted == TargetFact::iqn) print_as(call, fact("iqn", target.iqn), target.iqn);
    if (wanted == TargetFact::port) {
        Json json = make_json_object();
        cJSON_AddNumberToObject(json.get(), "port", target.port);
        print_as(call, json, text(target.port));
    }
    return {};
}

Outcome<> target_add_lun(Call& call, const std::string& name, const LunRequest& request) {
    Lun lun = TRY(add_lun(call.directories, name, request, call.progress));
    print_as(call, to_json(lun), text(lun.number));
    return {};
}

Outcome<> target_remove_lun(Call& call, const std::string& name, const std::string& lun) {
    TRY(remove_lun(call.directories, name, lun, call.progress));
    if (call.form == Form::json) print(fact("removed", lun));
    return {};
}

Outcome<> target_list_luns(Call& call, const std::string& name) {
    std::vector<Lun> luns = TRY(list_luns(call.directories, name));
    Json all(cJSON_CreateArray());
    if (call.form == Form::table) std::printf("%-4s %-24s %14s  %s\n", "LUN", "NAME", "SIZE", "PATH");
    for (const Lun& lun : luns) {
        cJSON_AddItemToArray(all.get(), to_json(lun).release());
        if (call.form == Form::table)
            std::printf("%-4s %-24s %14s  %s\n", text(lun.number).c_str(), lun.name.c_str(),
                        text(lun.size).c_str(), lun.path.c_str());
    }
    if (call.form == Form::json) print(all);
    return {};
}

Outcome<> target_upload(Call& call, const std::string& name, const LunRequest& request) {
    Uploaded done = TRY(upload_lun(call.directories, name, request, call.progress));
    bool was_copied = done.upload == Upload::copied;
    call.progress.note(done.lun.path + (was_copied ? " is written" : " has these contents already"));
    Json json = to_json(done.lun);
    add_text(json.get(), "iqn", done.iqn);
    cJSON_AddBoolToObject(json.get(), "copied", was_copied);
    print_as(call, json, text(done.lun.number));
    return {};
}

} // namespace mangrove::head
