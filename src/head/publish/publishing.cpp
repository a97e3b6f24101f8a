#include "head/publish/publishing.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "head/host/interruption.h"
#include "head/image/journal_check.h"
#include "head/publish/assignment.h"
#include "head/publish/serving.h"

namespace mangrove::head {

namespace {

/// The id of a publication or an image that `reference` means, which need not be published.
Result<std::string> published_reference(const Directories& directories, const std::string& reference) {
    for (const Record& publication : TRY(Journal::list(directories.publications)))
        if (publication.id == reference) return reference;
    Store store(directories.images);
    if (Result<Image> image = store.find(reference)) return image->id;
    size_t dot = reference.rfind('.');
    std::string over = dot == std::string::npos ? "" : reference.substr(dot + 1);
    std::vector<std::string> transports = transport_names();
    if (std::ranges::find(transports, over) == transports.end()) return reference;
    Result<Image> image = store.find(reference.substr(0, dot));
    return image ? text(image->id, ".", over) : reference;
}

/// Starting a server takes a moment, and nbd-server reads its exports when it comes to it.
Result<> wait_until_served(Host& host, const Record& record, uint64_t size) {
    using Clock = std::chrono::steady_clock;
    constexpr std::chrono::milliseconds kPause{200};
    constexpr std::chrono::seconds kLimit{4};
    Clock::time_point begin = Clock::now();
    Result<> served = check_served(host, record, size);
    while (!served && Clock::now() - begin < kLimit && !Interruption::has_come()) {
        std::this_thread::sleep_for(kPause);
        served = check_served(host, record, size);
    }
    return served;
}

Journal::Check check_of(Host& host, const PublishRequest& request, Reach reach) {
    if (reach == Reach::is_trusted) return {};
    uint64_t size = request.backing_store.empty() ? request.image.size : 0;
    return [&host, size](const Record& record) -> Result<> {
        TRY(wait_until_served(host, record, size), "reaching it as nodes do (--no-check leaves this out)");
        return {};
    };
}

Result<> check_unassigned(const BootDirectory& boot, const std::string& publication) {
    std::vector<std::string> nodes;
    for (const Assignment& assignment : TRY(boot.list()))
        if (assignment.publication == publication) nodes.push_back(node_text(assignment.node));
    if (nodes.empty()) return {};
    return permanent_error(publication, " is assigned to ", join(nodes, ", "),
                           "; assign them another publication, or unassign them");
}

Result<PublishRequest> with_image(const Directories& directories, PublishRequest request,
                                  const std::string& reference) {
    request.image = TRY(Store(directories.images).find(reference));
    request.records = directories.publications;
    return request;
}

} // namespace

Result<UniqueFd> lock_publications(const Directories& directories, Progress& progress) {
    // A user who published nothing yet may lack the right to make the directory of root's records.
    if (!std::filesystem::exists(directories.publications)) return UniqueFd();
    return TRY(lock_records(directories.publications / Journal::kLock, directories.lock_timeout, progress),
               "opening the records of what is published, which are root's (others: --publications)");
}

Result<Record> plan_publish(const Directories& directories, PublishRequest request,
                            const std::string& reference) {
    LinuxHost host;
    return plan_publication(host, TRY(with_image(directories, std::move(request), reference)));
}

Outcome<Published> publish_image(const Directories& directories, PublishRequest asked,
                                 const std::string& reference, Reach reach, Progress& shown) {
    KeptWarnings progress(shown);
    PublishRequest request = TRY(with_image(directories, std::move(asked), reference));
    LinuxHost host(progress);
    Journal journal = TRY(Journal::open(directories.publications, host, progress, directories.lock_timeout));
    // Removing an image needs the lock, too: from here on the image stays.
    request.image = TRY(Store(directories.images).find(request.image.id));
    TRY(check_journal(request.image.file(), progress));
    Journal::Check check = check_of(host, request, reach);
    std::optional<Record> taken_up = TRY(journal.take_up(text(request.image.id, ".", request.over), check));
    if (taken_up) return Published{*taken_up, request.image, progress.warnings(), true};
    Record publication = TRY(plan_publication(host, request));
    for (const std::string& warning : publish_warnings(host, request, publication.server))
        progress.warn(warning);
    TRY(journal.publish(publication, check), "publishing ", request.image.id, " over ", request.over);
    return Published{std::move(publication), std::move(request.image), progress.warnings()};
}

Outcome<std::vector<Record>> unpublish(const Directories& directories, const std::string& reference,
                                       InUse in_use, Progress& progress) {
    LinuxHost host(progress);
    std::string meant = TRY(published_reference(directories, reference));
    Journal journal = TRY(Journal::open(directories.publications, host, progress, directories.lock_timeout));
    std::vector<Record> publications = TRY(journal.find(meant));
    BootDirectory boot(directories.boot);
    for (const Record& publication : publications) {
        TRY(check_unassigned(boot, publication.id));
        TRY(check_unused(host, publication, in_use), "unpublishing ", publication.id);
    }
    for (const Record& publication : publications) {
        if (in_use == InUse::is_taken) TRY(end_users(host, publication), "unpublishing ", publication.id);
        TRY(journal.unpublish(publication), "unpublishing ", publication.id);
        TRY(boot.forget(publication.id));
        if (publication.server == "registry" && check_served(host, publication, 0))
            progress.warn(publication.id + " is still in the registry, which does not allow deletion");
        progress.note("unpublished " + publication.id);
    }
    return publications;
}

Result<> check_unused(Host& host, const Record& record, InUse in_use) {
    if (in_use == InUse::is_taken) return {};
    std::vector<User> users = TRY(users_of(host, record), "asking which nodes use it (--force does not ask)");
    if (users.empty()) return {};
    return permanent_error(record.id, " is in use; nothing was changed: ", to_text(users),
                           "; restart them from another image first, or take it from them with --force");
}

Result<std::vector<Served>> list_published(const Directories& directories, Patience patience) {
    LinuxHost host;
    std::vector<Served> all;
    for (Record& publication : TRY(Journal::list(directories.publications))) {
        Result<Image> image = Store(directories.images).find(publication.image);
        uint64_t size = image ? image->size : 0;
        Result<> served;
        if (publication.state != Record::State::published)
            served = permanent_error(state_name(publication.state));
        else
            served = patience == Patience::none ? check_served(host, publication, size)
                                                : wait_until_served(host, publication, size);
        all.push_back({std::move(publication), served ? "" : served.error().what});
    }
    return all;
}

Result<std::vector<Record>> find_published(const Directories& directories, const std::string& reference) {
    std::string meant = TRY(published_reference(directories, reference));
    std::vector<std::string> ids;
    std::vector<Record> found;
    for (Record& publication : TRY(Journal::list(directories.publications))) {
        ids.push_back(publication.id);
        if (publication.id == meant || publication.image == meant) found.push_back(std::move(publication));
    }
    if (!found.empty()) return found;
    if (Store(directories.images).find(meant))
        return permanent_error(meant, " is not published: mangrovectl publish ", meant, " --over …");
    return permanent_error("'", reference, "' is neither published nor an image",
                           did_you_mean(reference, ids));
}

Result<Record> find_one_published(const Directories& directories, const std::string& reference,
                                  std::string_view command) {
    std::vector<Record> found = TRY(find_published(directories, reference));
    if (found.size() == 1) return found[0];
    std::vector<std::string> ids;
    for (const Record& publication : found)
        ids.push_back(publication.id);
    return permanent_error("'", reference, "' is published as ", join(ids, " and as "),
                           ": specify one (mangrovectl ", command, " ", ids[0], ")");
}

Result<Image> remove_image(const Directories& directories, const std::string& reference, Progress& progress) {
    UniqueFd lock = TRY(lock_publications(directories, progress));
    Store store(directories.images);
    Image image = TRY(store.find(reference));
    for (const Record& publication : TRY(Journal::list(directories.publications)))
        if (publication.image == image.id)
            return permanent_error(image.id, " is published; run this first: mangrovectl unpublish ",
                                   publication.id);
    TRY(store.remove(image));
    return image;
}

} // namespace mangrove::head
