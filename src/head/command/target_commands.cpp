#include "head/command/target_commands.h"

#include <algorithm>
#include <cstdio>

#include "base/log.h"
#include "head/host/address.h"
#include "head/host/files.h"
#include "head/image/journal_check.h"
#include "head/image/store.h"
#include "head/publish/serving.h"
#include "head/target/lun_files.h"

namespace mangrove::head {

namespace {

using Records = std::vector<Record>;

Result<Record> find_target(const Records& records, const std::string& name) {
    std::vector<std::string> names;
    for (const Record& record : records) {
        if (record.id != record.image) continue;
        if (record.id == name && record.state == Record::State::published) return record;
        if (record.id == name)
            return permanent_error("the target '", name, "' is ", state_name(record.state),
                                   "; mangrovectl restore or target stop ends that");
        names.push_back(record.id);
    }
    return permanent_error("no target '", name, "' is started", did_you_mean(name, names),
                           names.empty() ? "" : "; there are " + join(names, ", "));
}

Result<std::vector<Lun>> luns_of(const Records& records, const std::string& target) {
    std::vector<Lun> luns;
    for (const Record& record : records)
        if (record.image == target && record.id != target) luns.push_back(TRY(lun_from(record)));
    std::ranges::sort(luns, {}, &Lun::number);
    return luns;
}

/// An error where a LUN of any target has this file or device, by whatever name.
Result<> check_unserved(const Records& records, const std::string& path) {
    for (const Record& record : records) {
        if (record.id == record.image) continue;
        Lun lun = TRY(lun_from(record));
        std::error_code ignored;
        if (lun.path == path || std::filesystem::equivalent(lun.path, path, ignored))
            return permanent_error(path, " is LUN '", lun.name, "' of the target '", record.image,
                                   "' already");
    }
    return {};
}

std::string record_of(const std::string& target, const std::string& lun) {
    return text(target, ":", lun);
}

/// In both forms nothing else is printed, so that scripts can take it as it is.
void print(const Json& json, const std::string& shown, Form form) {
    std::string printed = form == Form::json ? indented_json(json.get()) : shown + "\n";
    std::fputs(printed.c_str(), stdout);
}

Json fact(const char* key, const std::string& value) {
    Json json = make_json_object();
    add_text(json.get(), key, value);
    return json;
}

Result<Backing> backing_of(const Target& target, const LunRequest& request) {
    if (request.kind == Lun::Kind::file)
        return file_backing(target.directory, request.path.empty() ? request.name + ".img" : request.path,
                            request.size);
    if (request.path.empty()) return permanent_error("--block-device: the path of the device is missing");
    if (request.size != 0) return permanent_error("--size: a block device is as large as it is");
    return device_backing(request.path, target.devices);
}

struct Started {
    LinuxHost& host;
    Journal& journal;
    Record record;
    Target target;
    std::vector<Lun> luns;
    Records records; ///< of all targets
};

Result<Started> open_target(const Directories& directories, LinuxHost& host, Journal& journal,
                            const std::string& name) {
    Records records = TRY(Journal::list(directories.targets));
    Record record = TRY(find_target(records, name));
    Target target = TRY(target_from(record));
    std::vector<Lun> luns = TRY(luns_of(records, name));
    return Started{host, journal, std::move(record), std::move(target), std::move(luns), std::move(records)};
}

Result<> serve(Started& started, const Lun& lun) {
    return started.journal.publish(TRY(plan_lun(started.host, started.record, lun)));
}

Result<Lun> add_lun(Started& started, const LunRequest& request) {
    TRY(check_image_name(request.name), "naming a LUN");
    if (std::ranges::find(started.luns, request.name, &Lun::name) != started.luns.end())
        return permanent_error("the target has a LUN '", request.name,
                               "' already; first: mangrovectl target remove-lun ", request.name);
    Backing backing = TRY(backing_of(started.target, request));
    TRY(check_unserved(started.records, backing.path));
    if (started.target.access == Access::read_only) TRY(check_journal(backing.path));
    Lun lun{.name = request.name,
            .number = free_lun(started.target, started.luns),
            .path = backing.path,
            .size = backing.size,
            .kind = request.kind};
    Result<> served = serve(started, lun);
    // It would stand in the way of another size.
    std::error_code ignored;
    if (!served && backing.is_new) std::filesystem::remove(backing.path, ignored);
    TRY(std::move(served), "making a LUN of it (after the server was restarted: mangrovectl restore)");
    return lun;
}

} // namespace

Result<> target_start(const Directories& directories, const Target& asked, Form form) {
    LinuxHost host;
    Journal journal = TRY(Journal::open(directories.targets, host, directories.lock_timeout));
    Target target = TRY(complete_target(asked));
    Records records = TRY(Journal::list(directories.targets));
    for (const Record& record : records)
        if (record.id == target.name)
            return permanent_error("the target '", target.name, "' is already started");
    TRY(make_directories(target.directory), "opening the image directory (another one: --directory)");
    if (std::string warning = host_warning(host, "--host", target.host); !warning.empty())
        log_warning(warning);
    TRY(journal.publish(TRY(plan_target(host, target, records))), "starting the target '", target.name, "'");
    print(to_json(target), target.iqn, form);
    return {};
}

Result<> target_stop(const Directories& directories, const std::string& name, Form form, InUse in_use) {
    LinuxHost host;
    Journal journal = TRY(Journal::open(directories.targets, host, directories.lock_timeout));
    Records records = TRY(Journal::list(directories.targets));
    bool is_known = std::ranges::any_of(records, [&](const Record& record) { return record.id == name; });
    if (!is_known) TRY(find_target(records, name));
    for (const Record& record : records)
        if (record.id == name) TRY(check_unused(host, record, in_use), "stopping ", name);
    for (const Record& record : records)
        if (record.id == name && in_use == InUse::is_taken) TRY(end_users(host, record), "stopping ", name);
    for (const Record& record : records)
        if (record.image == name && record.id != name) TRY(journal.unpublish(record), "stopping ", record.id);
    for (const Record& record : records)
        if (record.id == name) TRY(journal.unpublish(record), "stopping ", record.id);
    if (form == Form::json) print(fact("stopped", name), "", form);
    return {};
}

Result<> target_show(const Directories& directories, const std::string& name, TargetFact wanted, Form form) {
    Target target = TRY(target_from(TRY(find_target(TRY(Journal::list(directories.targets)), name))));
    if (wanted == TargetFact::host) print(fact("host", target.host), target.host, form);
    if (wanted == TargetFact::iqn) print(fact("iqn", target.iqn), target.iqn, form);
    if (wanted == TargetFact::port) {
        Json json = make_json_object();
        cJSON_AddNumberToObject(json.get(), "port", target.port);
        print(json, text(target.port), form);
    }
    return {};
}

Result<> target_add_lun(const Directories& directories, const std::string& name, const LunRequest& request,
                        Form form) {
    LinuxHost host;
    Journal journal = TRY(Journal::open(directories.targets, host, directories.lock_timeout));
    Started started = TRY(open_target(directories, host, journal, name));
    Lun lun = TRY(add_lun(started, request), "adding the LUN '", request.name, "' to ", name);
    print(to_json(lun), text(lun.number), form);
    return {};
}

Result<> target_remove_lun(const Directories& directories, const std::string& name, const std::string& lun,
                           Form form) {
    LinuxHost host;
    Journal journal = TRY(Journal::open(directories.targets, host, directories.lock_timeout));
    Started started = TRY(open_target(directories, host, journal, name));
    std::vector<std::string> names;
    for (const Lun& one : started.luns)
        names.push_back(one.name);
    if (std::ranges::find(names, lun) == names.end())
        return permanent_error("the target '", name, "' has no LUN '", lun, "'", did_you_mean(lun, names),
                               names.empty() ? "" : "; there are " + join(names, ", "));
    for (Record& record : TRY(journal.find(record_of(name, lun))))
        TRY(journal.unpublish(record), "removing the LUN '", lun, "' of ", name);
    if (form == Form::json) print(fact("removed", lun), "", form);
    return {};
}

Result<> target_list_luns(const Directories& directories, const std::string& name, Form form) {
    Records records = TRY(Journal::list(directories.targets));
    TRY(find_target(records, name));
    std::vector<Lun> luns = TRY(luns_of(records, name));
    Json all(cJSON_CreateArray());
    if (form == Form::table && !luns.empty())
        std::printf("%-4s %-24s %14s  %s\n", "LUN", "NAME", "SIZE", "PATH");
    for (const Lun& lun : luns) {
        cJSON_AddItemToArray(all.get(), to_json(lun).release());
        if (form == Form::table)
            std::printf("%-4s %-24s %14s  %s\n", text(lun.number).c_str(), lun.name.c_str(),
                        text(lun.size).c_str(), lun.path.c_str());
    }
    if (form == Form::json) print(all, "", form);
    return {};
}

Result<> target_upload(const Directories& directories, const std::string& name, const LunRequest& request,
                       Form form) {
    TRY(check_image_name(request.name), "naming a LUN");
    LinuxHost host;
    Journal journal = TRY(Journal::open(directories.targets, host, directories.lock_timeout));
    Started started = TRY(open_target(directories, host, journal, name));
    auto served = std::ranges::find(started.luns, request.name, &Lun::name);
    bool is_served = served != started.luns.end();
    std::filesystem::path file = TRY(place_inside(started.target.directory, request.name + ".img"));
    if (is_served && served->path != file)
        return permanent_error("the LUN '", request.name, "' is of ", served->path,
                               "; first: mangrovectl target remove-lun ", request.name);
    if (!is_served) TRY(check_unserved(started.records, file));
    Upload upload = TRY(
        upload_file(request.source, file, request.size, is_served ? Replacing::refused : Replacing::allowed),
        "bringing ", request.source, " to the target '", name, "'",
        is_served ? "; first: mangrovectl target remove-lun " + request.name : "");
    log_notice(file.native(), upload == Upload::copied ? " is written" : " has these contents already");
    LunRequest whole{.name = request.name, .path = {}, .size = 0, .kind = Lun::Kind::file, .source = {}};
    Lun lun = is_served ? *served : TRY(add_lun(started, whole), "adding the LUN '", request.name, "'");
    Json json = to_json(lun);
    add_text(json.get(), "iqn", started.target.iqn);
    cJSON_AddBoolToObject(json.get(), "copied", upload == Upload::copied);
    print(json, text(lun.number), form);
    return {};
}

} // namespace mangrove::head
