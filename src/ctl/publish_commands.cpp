#include "ctl/publish_commands.h"

#include <cstdio>

#include "base/log.h"
#include "ctl/assignment.h"
#include "ctl/journal_check.h"

namespace mangrove::ctl {

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

/// What of an image was published, by either's reference.
Result<std::string> published_reference(const Directories& directories, const std::string& reference) {
    for (const Publication& publication : TRY(Journal::list(directories.publications)))
        if (publication.id == reference) return reference;
    Result<Image> image = Store(directories.images).find(reference);
    return image ? image->id : reference;
}

Result<> print_handout(const Directories& directories, const Publication& publication, Handout handout) {
    Image image = TRY(Store(directories.images).find(publication.image));
    std::string handed = TRY(hand_out(publication.definition, image, handout));
    std::fputs(handed.c_str(), stdout);
    return {};
}

Result<> check_unassigned(const BootDirectory& boot, const std::string& publication) {
    std::vector<std::string> nodes;
    for (const Assignment& assignment : TRY(boot.list()))
        if (assignment.publication == publication) nodes.push_back(assignment.node);
    if (nodes.empty()) return {};
    return permanent_error(publication, " is what nodes boot: ", join(nodes, ", "),
                           "; assign them another, or unassign them");
}

} // namespace

Result<> publish(const Directories& directories, PublishRequest request, const std::string& reference,
                 Run run, Handout handout) {
    request.image = TRY(Store(directories.images).find(reference));
    request.records = directories.publications;
    LinuxHost host;
    if (run == Run::dry) {
        print_steps(TRY(plan_publication(host, request)).steps);
        return {};
    }
    Journal journal = TRY(Journal::open(directories.publications, host));
    // Who removes an image has the journal meanwhile.
    request.image = TRY(Store(directories.images).find(request.image.id));
    TRY(check_journal(request.image.file()));
    Publication publication = TRY(plan_publication(host, request));
    TRY(journal.publish(publication), "publishing ", request.image.id, " over ", request.over);
    log_notice("published ", publication.id);
    return print_handout(directories, publication, handout);
}

Result<> unpublish(const Directories& directories, const std::string& reference, Run run) {
    LinuxHost host;
    std::string meant = TRY(published_reference(directories, reference));
    if (run == Run::dry) {
        for (const Publication& publication : TRY(Journal::list(directories.publications)))
            if (publication.id == meant || publication.image == meant)
                print_undoing(publication.steps, publication.begun);
        return {};
    }
    Journal journal = TRY(Journal::open(directories.publications, host));
    std::vector<Publication> publications = TRY(journal.find(meant));
    BootDirectory boot(directories.boot);
    for (const Publication& publication : publications)
        TRY(check_unassigned(boot, publication.id));
    for (Publication& publication : publications) {
        TRY(boot.forget(publication.id));
        TRY(journal.unpublish(publication), "unpublishing ", publication.id,
            ", which can be tried again when that is mended");
        log_notice("unpublished ", publication.id);
    }
    return {};
}

Result<> list_published(const Directories& directories, Form form) {
    std::vector<Publication> all = TRY(Journal::list(directories.publications));
    if (form == Form::table && !all.empty())
        std::printf("%-40s %-6s %-10s %s\n", "PUBLICATION", "OVER", "SERVER", "STATE");
    Json array(cJSON_CreateArray());
    for (const Publication& publication : all) {
        // Who sees "publishing" here sees one under way, or one that was killed, which the next run takes
        // back.
        std::string state(state_name(publication.state));
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
        add_text(json, "state", state);
        cJSON_AddItemToArray(array.get(), json);
    }
    if (form == Form::json) std::fputs(print_json(array.get()).c_str(), stdout);
    return {};
}

Result<> show_published(const Directories& directories, const std::string& reference, Handout handout) {
    std::string meant = TRY(published_reference(directories, reference));
    std::vector<std::string> ids;
    for (const Publication& publication : TRY(Journal::list(directories.publications))) {
        if (publication.id == meant || publication.image == meant)
            return print_handout(directories, publication, handout);
        ids.push_back(publication.id);
    }
    return permanent_error("'", meant, "' is not published", did_you_mean(meant, ids));
}

} // namespace mangrove::ctl
