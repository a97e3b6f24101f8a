#include "head/command/publish_commands.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>
#include <unistd.h>

#include "base/log.h"
#include "head/host/interruption.h"
#include "head/image/journal_check.h"
#include "head/publish/assignment.h"
#include "head/publish/serving.h"

namespace mangrove::head {

namespace {

void print_steps(const std::vector<Step>& steps) {
    for (const Step& step : steps)
        if (step.kind != Step::Kind::command || !step.words.empty())
            std::printf("%s\n", to_text(step).c_str());
}

void print_undoing(const std::vector<Step>& steps, size_t begun) {
    for (size_t i = begun; i > 0; --i)
        if (std::string undoing = undo_text(steps[i - 1]); !undoing.empty())
            std::printf("%s\n", undoing.c_str());
}

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

/// Where it is reached: "192.0.2.1", an IQN, a URL, …, from the definition.
void add_place(cJSON* json, const Record& publication) {
    Result<Json> definition = parse_json(publication.definition, publication.id);
    const cJSON* node = definition ? definition->get() : nullptr;
    for (const char* key : {"mount", "overlay", "lower"})
        node = cJSON_GetObjectItemCaseSensitive(node, key);
    node = cJSON_GetArrayItem(node, 0);
    if (std::string url = text_at(cJSON_GetObjectItemCaseSensitive(node, "uri"), "uri"); !url.empty())
        add_text(json, "url", url);
    for (const char* key : {"attach", "attach"})
        node = cJSON_GetObjectItemCaseSensitive(node, key);
    for (const char* kind : {"iscsi", "nbd", "rbd", "loopback"}) {
        const cJSON* place = cJSON_GetObjectItemCaseSensitive(node, kind);
        if (const cJSON* mount = cJSON_GetObjectItemCaseSensitive(place, "mount"))
            place = cJSON_GetObjectItemCaseSensitive(mount, "nfs");
        for (const auto& [key, name] : {std::pair("host", "address"), std::pair("target", "target"),
                                        std::pair("export", "export"), std::pair("path", "path")})
            if (std::string value = text_at(place, key); !value.empty()) add_text(json, name, value);
    }
}

Result<> print_format(const Directories& directories, const Record& publication, OutputFormat format) {
    Image image = TRY(Store(directories.images).find(publication.image));
    std::string handed = TRY(render(publication.definition, image, format));
    std::fputs(handed.c_str(), stdout);
    return {};
}

Result<> check_unassigned(const BootDirectory& boot, const std::string& publication) {
    std::vector<std::string> nodes;
    for (const Assignment& assignment : TRY(boot.list()))
        if (assignment.publication == publication) nodes.push_back(node_text(assignment.node));
    if (nodes.empty()) return {};
    return permanent_error(publication, " is what nodes boot: ", join(nodes, ", "),
                           "; assign them another, or unassign them");
}

} // namespace

Result<> publish(const Directories& directories, PublishRequest request, const std::string& reference,
                 Run run, OutputFormat format, Reach reach) {
    request.image = TRY(Store(directories.images).find(reference));
    request.records = directories.publications;
    LinuxHost host;
    if (run == Run::dry) {
        print_steps(TRY(plan_publication(host, request)).steps);
        return {};
    }
    Interruption interruption;
    Journal journal = TRY(Journal::open(directories.publications, host, directories.lock_timeout));
    // `image rm` needs the lock, too: from here on the image stays.
    request.image = TRY(Store(directories.images).find(request.image.id));
    TRY(check_journal(request.image.file()));
    Journal::Check check;
    if (reach == Reach::is_checked)
        check = [&](const Record& record) -> Result<> {
            TRY(wait_until_served(host, record, request.backing_store.empty() ? request.image.size : 0),
                "reaching it as nodes do (--no-check leaves this out)");
            return {};
        };
    std::optional<Record> publication =
        TRY(journal.take_up(text(request.image.id, ".", request.over), check));
    if (!publication) {
        publication = TRY(plan_publication(host, request));
        for (const std::string& warning : publish_warnings(host, request, publication->server))
            log_warning(warning);
        TRY(journal.publish(*publication, check), "publishing ", request.image.id, " over ", request.over);
    }
    log_notice("published ", publication->id);
    return print_format(directories, *publication, format);
}

Result<> unpublish(const Directories& directories, const std::string& reference, Run run, InUse in_use) {
    LinuxHost host;
    std::string meant = TRY(published_reference(directories, reference));
    if (run == Run::dry) {
        for (const Record& publication : TRY(Journal::list(directories.publications)))
            if (publication.id == meant || publication.image == meant)
                print_undoing(publication.steps, publication.begun);
        return {};
    }
    Interruption interruption;
    Journal journal = TRY(Journal::open(directories.publications, host, directories.lock_timeout));
    std::vector<Record> publications = TRY(journal.find(meant));
    BootDirectory boot(directories.boot);
    for (const Record& publication : publications) {
        TRY(check_unassigned(boot, publication.id));
        TRY(check_unused(host, publication, in_use), "unpublishing ", publication.id);
    }
    for (Record& publication : publications) {
        if (in_use == InUse::is_taken) TRY(end_users(host, publication), "unpublishing ", publication.id);
        TRY(journal.unpublish(publication), "unpublishing ", publication.id);
        TRY(boot.forget(publication.id));
        log_notice("unpublished ", publication.id);
    }
    return {};
}

Result<> check_unused(Host& host, const Record& record, InUse in_use) {
    if (in_use == InUse::is_taken) return {};
    std::vector<User> users = TRY(users_of(host, record), "asking which nodes use it (--force does not ask)");
    if (users.empty()) return {};
    return permanent_error(record.id, " is in use; nothing was changed: ", to_text(users),
                           "; restart them from another image first, or take it from them with --force");
}

Result<> list_published(const Directories& directories, Form form, Unserved unserved) {
    std::vector<Record> all = TRY(Journal::list(directories.publications));
    if (form == Form::table && !all.empty())
        std::printf("%-40s %-6s %-10s %s\n", "PUBLICATION", "OVER", "SERVER", "STATE");
    if (form == Form::table && all.empty() && ::isatty(STDOUT_FILENO))
        std::fputs("nothing is published; mangrovectl publish IMAGE --over TRANSPORT --address ADDRESS\n",
                   stderr);
    LinuxHost host;
    std::vector<std::string> not_served;
    Json array(cJSON_CreateArray());
    for (const Record& publication : all) {
        Result<> served = permanent_error(state_name(publication.state));
        Result<Image> image = Store(directories.images).find(publication.image);
        if (publication.state == Record::State::published)
            served = unserved == Unserved::is_shown
                         ? check_served(host, publication, image ? image->size : 0)
                         : wait_until_served(host, publication, image ? image->size : 0);
        if (!served) not_served.push_back(text(publication.id, ": ", served.error().what));
        // "publishing" is one under way, or one that was killed, which the next run rolls back.
        std::string state = publication.state != Record::State::published
                                ? std::string(state_name(publication.state))
                            : served ? "served"
                                     : "not served: " + served.error().what;
        if (form == Form::table) {
            std::printf("%-40s %-6s %-10s %s\n", publication.id.c_str(), publication.over.c_str(),
                        publication.server.c_str(), state.c_str());
            continue;
        }
        cJSON* json = cJSON_CreateObject();
        add_text(json, "id", publication.id);
        add_text(json, "image", publication.image);
        add_text(json, "over", publication.over);
        add_text(json, "server", publication.server);
        add_text(json, "state", std::string(state_name(publication.state)));
        cJSON_AddBoolToObject(json, "served", served.has_value());
        if (!served) add_text(json, "problem", served.error().what);
        add_place(json, publication);
        cJSON_AddItemToArray(array.get(), json);
    }
    if (form == Form::json) std::fputs(indented_json(array.get()).c_str(), stdout);
    if (not_served.empty() || unserved == Unserved::is_shown) return {};
    return transient_error("not served: ", join(not_served, "; "));
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

Result<> show_published(const Directories& directories, const std::string& reference, OutputFormat format) {
    return print_format(directories, TRY(find_one_published(directories, reference, "published")), format);
}

} // namespace mangrove::head
