#include "head/publish/journal.h"

#include <algorithm>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "head/host/interruption.h"
#include "head/publish/serving.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kStateNames[] = {"publishing", "published", "unpublishing", "restoring"};

Json to_json(const Publication& publication) {
    Json json = make_json_object();
    add_text(json.get(), "id", publication.id);
    add_text(json.get(), "image", publication.image);
    add_text(json.get(), "over", publication.over);
    add_text(json.get(), "server", publication.server);
    add_text(json.get(), "state", std::string(state_name(publication.state)));
    cJSON_AddNumberToObject(json.get(), "begun", static_cast<double>(publication.begun));
    add_text(json.get(), "definition", publication.definition);
    cJSON* steps = cJSON_AddArrayToObject(json.get(), "steps");
    for (const Step& step : publication.steps)
        cJSON_AddItemToArray(steps, to_json(step).release());
    return json;
}

Result<Publication> read_publication(const fs::path& path) {
    Json json = TRY(parse_json(TRY(read_file(path)), path.native()));
    const auto* state = std::ranges::find(kStateNames, text_at(json.get(), "state"));
    if (state == std::end(kStateNames)) return permanent_error(path.native(), " is damaged: no known state");
    Publication publication{.id = text_at(json.get(), "id"),
                            .image = text_at(json.get(), "image"),
                            .over = text_at(json.get(), "over"),
                            .server = text_at(json.get(), "server"),
                            .definition = text_at(json.get(), "definition"),
                            .steps = {},
                            .state = static_cast<Publication::State>(state - std::begin(kStateNames)),
                            .begun = number_at(json.get(), "begun")};
    const cJSON* step = nullptr;
    cJSON_ArrayForEach(step, cJSON_GetObjectItemCaseSensitive(json.get(), "steps")) {
        publication.steps.push_back(TRY(step_from_json(step), "reading ", path.native()));
    }
    if (publication.begun > publication.steps.size())
        return permanent_error(path.native(), " is damaged: more steps begun than there are");
    return publication;
}

} // namespace

std::string_view state_name(Publication::State state) {
    return kStateNames[static_cast<size_t>(state)];
}

bool has_step(const std::vector<Publication>& records, const Step& step) {
    for (const Publication& record : records)
        for (size_t i = 0; i < record.begun; ++i)
            if (record.steps[i].undo_words == step.undo_words) return true;
    return false;
}

Result<std::vector<Publication>> Journal::list(const fs::path& directory) {
    std::vector<Publication> publications;
    std::error_code problem;
    if (!fs::exists(directory, problem)) return publications;
    for (fs::directory_iterator entry(directory, problem), end; !problem && entry != end;
         entry.increment(problem))
        if (entry->path().extension() == ".json")
            publications.push_back(TRY(read_publication(entry->path())));
    if (problem) return system_error(problem.value(), "reading ", directory.native());
    std::ranges::sort(publications, {}, &Publication::id);
    return publications;
}

Result<Journal> Journal::open(const fs::path& directory, Host& host, std::chrono::seconds timeout,
                              Interrupted interrupted) {
    constexpr std::string_view kOpening =
        "opening the records of what is served, which are root's (others: --publications, --targets)";
    TRY(make_directories(directory), kOpening);
    Journal journal(directory, TRY(lock_records(directory / kLock, timeout), kOpening), host);
    // Definitions can hold secrets.
    if (::chmod(directory.c_str(), 0700) != 0) return system_error(errno, "closing ", directory.native());
    TRY(journal.recover(interrupted));
    return journal;
}

/// "the unpublish of debian-0123456789ab.iscsi"
static std::string interrupted_work(const Publication& publication) {
    bool is_new = publication.state == Publication::State::publishing;
    return text(is_new ? "the publish of " : "the unpublish of ", publication.id);
}

/// Why what was interrupted has to stay as it is; empty where it can be finished.
static std::string reason_to_stay(Host& host, const Publication& publication) {
    Result<std::vector<User>> users = users_of(host, publication);
    if (!users) return describe(users.error());
    return users->empty() ? "" : to_text(*users);
}

Result<> Journal::recover(Interrupted interrupted) {
    for (Publication& publication : TRY(list(directory_))) {
        if (publication.state == Publication::State::published
            || publication.state == Publication::State::restoring)
            continue;
        std::string reason = interrupted == Interrupted::stays ? "nothing is rolled back here"
                                                               : reason_to_stay(host_, publication);
        if (!reason.empty()) {
            log_warning(interrupted_work(publication), " was interrupted and is not finished: ", reason,
                        "; serve it again with mangrovectl publish, or end it with mangrovectl unpublish");
            continue;
        }
        log_notice("finishing ", interrupted_work(publication), ", which was interrupted: rolling back");
        // A server that is down must not keep what others serve from being changed.
        if (Result<> undone = take_back(publication); !undone)
            log_warning("rollback failed; the next run will retry: ", describe(undone.error()));
        else
            recovered_.push_back(publication);
    }
    return {};
}

Result<> Journal::write(const Publication& publication) {
    return write_file(directory_ / (publication.id + ".json"), print_json(to_json(publication).get()), 0600);
}

Result<> Journal::forget(const Publication& publication) {
    fs::path path = directory_ / (publication.id + ".json");
    if (::unlink(path.c_str()) != 0) return system_error(errno, "removing ", path.native());
    return {};
}

/// The record as it is on the disk.
static Result<std::optional<Publication>> find_record(const fs::path& directory, const std::string& id) {
    for (Publication& record : TRY(Journal::list(directory)))
        if (record.id == id) return std::move(record);
    return std::nullopt;
}

Result<std::optional<Publication>> Journal::take_up(const std::string& id, const Check& check) {
    std::optional<Publication> record = TRY(find_record(directory_, id));
    if (!record) return std::nullopt;
    if (record->state != Publication::State::unpublishing)
        return permanent_error(id, " is already published; unpublish it first: mangrovectl unpublish ", id);
    TRY(resume(*record), "serving ", id, " again, whose unpublish was interrupted");
    if (check) TRY(check(*record));
    log_notice(id, ": its unpublish was interrupted; it is served again");
    return record;
}

Result<> Journal::publish(Publication publication, const Check& check) {
    if (TRY(find_record(directory_, publication.id)))
        return permanent_error(publication.id, " is already published; unpublish it first");
    for (const Step& step : publication.steps)
        TRY(check_step(host_, step));
    publication.state = Publication::State::publishing;
    Result<> done = do_steps(publication);
    if (done && check) done = check(publication);
    if (!done) {
        if (Result<> undone = take_back(publication); !undone)
            log_warning("rollback failed; the next run will retry: ", describe(undone.error()));
        else if (Interruption::has_come())
            return transient_error("interrupted; rolled back");
        return done;
    }
    publication.state = Publication::State::published;
    return write(publication);
}

Result<> Journal::do_steps(Publication& publication) {
    for (const Step& step : publication.steps) {
        if (Interruption::has_come()) return transient_error("interrupted");
        ++publication.begun;
        TRY(write(publication));
        TRY(do_step(host_, step));
    }
    return {};
}

Result<bool> Journal::is_intact(const Publication& publication) {
    if (publication.state != Publication::State::published) return false;
    for (const Step& step : publication.steps)
        if (!TRY(seems_done(host_, step))) return false;
    return true;
}

Result<Journal::Restored> Journal::restore(Publication publication, Renew renew) {
    if (TRY(is_intact(publication))) return Restored::was_there;
    if (std::vector<User> users = TRY(users_of(host_, publication)); !users.empty()) {
        log_warning(publication.id, " is not as it was published, and stays as it is: ", to_text(users));
        return Restored::was_there;
    }
    publication.state = Publication::State::restoring;
    TRY(undo_steps(publication));
    TRY(renew(host_, publication.steps));
    TRY(do_steps(publication));
    publication.state = Publication::State::published;
    TRY(write(publication));
    return Restored::again;
}

/// Does the steps that are taken back. One that only adds to what an earlier step makes is left out as long
/// as that was never taken back.
Result<> Journal::resume(Publication& publication) {
    bool is_redone = false;
    // A run that was killed may have taken back one more than it recorded.
    size_t first = publication.begun > 0 ? publication.begun - 1 : 0;
    for (size_t i = first; i < publication.steps.size(); ++i) {
        const Step& step = publication.steps[i];
        bool can_be_seen =
            step.kind == Step::Kind::command ? !step.probe.empty() : step.kind != Step::Kind::attribute;
        bool was_taken_back = i >= publication.begun && !step.undo_words.empty();
        bool is_needed = can_be_seen ? !TRY(seems_done(host_, step)) : was_taken_back || is_redone;
        publication.begun = std::max(publication.begun, i + 1);
        TRY(write(publication));
        if (is_needed) TRY(do_step(host_, step));
        is_redone = is_redone || is_needed;
    }
    publication.state = Publication::State::published;
    return write(publication);
}

Result<> Journal::unpublish(Publication publication) {
    publication.state = Publication::State::unpublishing;
    TRY(write(publication));
    Result<> undone = take_back(publication);
    if (undone) return {};
    if (Result<> resumed = resume(publication); !resumed)
        log_warning(publication.id, " is partly unpublished; unpublish it again when the server answers: ",
                    describe(resumed.error()));
    return undone;
}

Result<bool> Journal::is_of_others(const Publication& publication, const Step& step) const {
    if (step.scope != Step::Scope::shared) return false;
    std::vector<Publication> others = TRY(list(directory_));
    std::erase_if(others, [&](const Publication& other) { return other.id == publication.id; });
    return has_step(others, step);
}

Result<> Journal::undo_one(const Publication& publication, const Step& step) {
    if (TRY(is_of_others(publication, step))) return {};
    Result<> undone = undo_step(host_, step);
    bool only_tells = step.kind == Step::Kind::command && step.words.empty();
    // A server that could not be told of a file need not be told that the file is gone.
    if (!undone && only_tells && publication.state == Publication::State::publishing) {
        log_warning(undo_text(step), ": ", undone.error().what, "; ignoring");
        return {};
    }
    TRY(std::move(undone), "rolling back: ", undo_text(step));
    return {};
}

Result<> Journal::undo_steps(Publication& publication) {
    while (publication.begun > 0) {
        TRY(undo_one(publication, publication.steps[publication.begun - 1]));
        --publication.begun;
        TRY(write(publication));
    }
    return {};
}

Result<> Journal::take_back(Publication& publication) {
    TRY(undo_steps(publication));
    return forget(publication);
}

Result<std::vector<Publication>> Journal::find(const std::string& reference) const {
    std::vector<Publication> all = TRY(list(directory_));
    std::vector<Publication> found;
    std::vector<std::string> ids;
    for (Publication& publication : all) {
        ids.push_back(publication.id);
        if (publication.id == reference) return std::vector{publication};
        if (publication.image == reference) found.push_back(publication);
    }
    bool was_recovered = std::ranges::any_of(recovered_, [&](const Publication& publication) {
        return publication.id == reference || publication.image == reference;
    });
    if (found.empty() && !was_recovered)
        return permanent_error("'", reference, "' is not published", did_you_mean(reference, ids));
    return found;
}

} // namespace mangrove::head
