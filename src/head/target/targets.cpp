#include "head/target/targets.h"

#include <algorithm>

#include "head/host/address.h"
#include "head/host/files.h"
#include "head/image/journal_check.h"
#include "head/image/store.h"
#include "head/publish/journal.h"
#include "head/publish/serving.h"

namespace mangrove::head {

namespace {

using Records = std::vector<Record>;

Result<Record> find_record(const Records& records, const std::string& name) {
    std::vector<std::string> names;
    for (const Record& record : records) {
        if (record.id != record.image) continue;
        if (record.id == name && record.state == Record::State::published) return record;
        if (record.id == name)
            return permanent_error("the target '", name, "' is ", state_name(record.state),
                                   "; run mangrovectl restore or mangrovectl target stop");
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

Result<Backing> backing_of(const Target& target, const LunRequest& request) {
    if (request.kind == Lun::Kind::file)
        return file_backing(target.directory, request.path.empty() ? request.name + ".img" : request.path,
                            request.size);
    if (request.path.empty()) return permanent_error("--block-device: the path of the device is missing");
    if (request.size != 0) return permanent_error("--size: a block device has a fixed size");
    return device_backing(request.path, target.devices);
}

struct Started {
    Record record;
    Target target;
    std::vector<Lun> luns;
    Records records; ///< of all targets
};

Result<Started> read_target(const Directories& directories, const std::string& name) {
    Records records = TRY(Journal::list(directories.targets));
    Record record = TRY(find_record(records, name));
    Target target = TRY(target_from(record));
    std::vector<Lun> luns = TRY(luns_of(records, name));
    return Started{std::move(record), std::move(target), std::move(luns), std::move(records)};
}

Outcome<> publish_lun(Host& host, Journal& journal, const Record& target, const Lun& lun) {
    return journal.publish(TRY(plan_lun(host, target, lun)));
}

Outcome<Lun> serve_lun(Host& host, Journal& journal, const Started& started, const LunRequest& request,
                       Progress& progress) {
    TRY(check_image_name(request.name), "naming a LUN");
    if (std::ranges::find(started.luns, request.name, &Lun::name) != started.luns.end())
        return permanent_error("the target has a LUN '", request.name,
                               "' already; first: mangrovectl target remove-lun ", request.name);
    Backing backing = TRY(backing_of(started.target, request));
    TRY(check_unserved(started.records, backing.path));
    if (started.target.access == Access::read_only) TRY(check_journal(backing.path, progress));
    Lun lun{.name = request.name,
            .number = free_lun(started.target, started.luns),
            .path = backing.path,
            .size = backing.size,
            .kind = request.kind};
    Outcome<> served = publish_lun(host, journal, started.record, lun);
    // It would stand in the way of another size.
    std::error_code ignored;
    if (!served && backing.is_new) std::filesystem::remove(backing.path, ignored);
    TRY(std::move(served), "making a LUN of it (after the server was restarted: mangrovectl restore)");
    return lun;
}

/// Where an upload goes to, as the records are now.
struct Place {
    Started started;
    std::filesystem::path file;
    std::optional<Lun> served = {}; ///< the LUN that it is already
};

Result<Place> place_of(const Directories& directories, const std::string& name, const std::string& lun) {
    Started started = TRY(read_target(directories, name));
    std::filesystem::path file = TRY(place_inside(started.target.directory, lun + ".img"));
    auto served = std::ranges::find(started.luns, lun, &Lun::name);
    if (served == started.luns.end()) {
        TRY(check_unserved(started.records, file));
        return Place{std::move(started), std::move(file)};
    }
    if (served->path != file)
        return permanent_error("the LUN '", lun, "' is of ", served->path,
                               "; remove it first: mangrovectl target remove-lun ", lun);
    Lun known = *served;
    return Place{std::move(started), std::move(file), std::move(known)};
}

} // namespace

Outcome<Target> start_target(const Directories& directories, const Target& asked, Progress& progress) {
    LinuxHost host(progress);
    Journal journal = TRY(Journal::open(directories.targets, host, progress, directories.lock_timeout));
    Target target = TRY(complete_target(asked));
    Records records = TRY(Journal::list(directories.targets));
    if (std::ranges::find(records, target.name, &Record::id) != records.end())
        return permanent_error("the target '", target.name, "' is already started");
    TRY(make_directories(target.directory), "opening the image directory (another one: --directory)");
    if (std::string warning = host_warning(host, "--host", target.host); !warning.empty())
        progress.warn(warning);
    TRY(journal.publish(TRY(plan_target(host, target, records))), "starting the target '", target.name, "'");
    return target;
}

Outcome<> stop_target(const Directories& directories, const std::string& name, InUse in_use,
                      Progress& progress) {
    LinuxHost host(progress);
    Journal journal = TRY(Journal::open(directories.targets, host, progress, directories.lock_timeout));
    Records records = TRY(Journal::list(directories.targets));
    auto target = std::ranges::find(records, name, &Record::id);
    if (target == records.end()) {
        TRY(find_record(records, name));
        return {};
    }
    TRY(check_unused(host, *target, in_use), "stopping ", name);
    if (in_use == InUse::is_taken) TRY(end_users(host, *target), "stopping ", name);
    for (const Record& record : records)
        if (record.image == name && record.id != name) TRY(journal.unpublish(record), "stopping ", record.id);
    TRY(journal.unpublish(*target), "stopping ", name);
    return {};
}

Result<Target> find_target(const Directories& directories, const std::string& name) {
    return target_from(TRY(find_record(TRY(Journal::list(directories.targets)), name)));
}

Outcome<Lun> add_lun(const Directories& directories, const std::string& name, const LunRequest& request,
                     Progress& progress) {
    LinuxHost host(progress);
    Journal journal = TRY(Journal::open(directories.targets, host, progress, directories.lock_timeout));
    Started started = TRY(read_target(directories, name));
    return TRY(serve_lun(host, journal, started, request, progress), "adding the LUN '", request.name,
               "' to ", name);
}

Outcome<> remove_lun(const Directories& directories, const std::string& name, const std::string& lun,
                     Progress& progress) {
    LinuxHost host(progress);
    Journal journal = TRY(Journal::open(directories.targets, host, progress, directories.lock_timeout));
    Started started = TRY(read_target(directories, name));
    std::vector<std::string> names;
    for (const Lun& one : started.luns)
        names.push_back(one.name);
    if (std::ranges::find(names, lun) == names.end())
        return permanent_error("the target '", name, "' has no LUN '", lun, "'", did_you_mean(lun, names),
                               names.empty() ? "" : "; there are " + join(names, ", "));
    for (Record& record : TRY(journal.find(record_of(name, lun))))
        TRY(journal.unpublish(record), "removing the LUN '", lun, "' of ", name);
    return {};
}

Result<std::vector<Lun>> list_luns(const Directories& directories, const std::string& name) {
    return TRY(read_target(directories, name)).luns;
}

Outcome<Uploaded> upload_lun(const Directories& directories, const std::string& name,
                             const LunRequest& request, Progress& progress) {
    TRY(check_image_name(request.name), "naming a LUN");
    Place before = TRY(place_of(directories, name, request.name));
    std::optional<NewFile> copy =
        TRY(prepare_upload(request.source, before.file, request.size,
                           before.served ? Replacing::refused : Replacing::allowed, progress),
            "bringing ", request.source, " to the target '", name, "'",
            before.served ? "; remove it first: mangrovectl target remove-lun " + request.name : "");
    LinuxHost host(progress);
    Journal journal = TRY(Journal::open(directories.targets, host, progress, directories.lock_timeout));
    Place place = TRY(place_of(directories, name, request.name));
    if (place.file != before.file || place.served.has_value() != before.served.has_value())
        return transient_error("the target '", name,
                               "' was changed meanwhile; nothing is uploaded, try again");
    if (copy) TRY(copy->put_in_place());
    LunRequest whole{.name = request.name};
    Lun lun = place.served ? *place.served
                           : TRY(serve_lun(host, journal, place.started, whole, progress), "adding the LUN '",
                                 request.name, "'");
    return Uploaded{std::move(lun), place.started.target.iqn, copy ? Upload::copied : Upload::identical};
}

} // namespace mangrove::head
