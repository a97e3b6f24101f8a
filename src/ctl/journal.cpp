#include "ctl/journal.h"

#include <algorithm>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

namespace mangrove::ctl {

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

Result<Journal> Journal::open(const fs::path& directory, Host& host) {
    constexpr std::string_view kOpening =
        "opening the records of what is served, which are root's (others: --publications, --targets)";
    TRY(make_directories(directory), kOpening);
    Journal journal(directory, TRY(wait_for_lock(directory / kLock), kOpening), host);
    // Definitions can hold secrets.
    if (::chmod(directory.c_str(), 0700) != 0) return system_error(errno, "closing ", directory.native());
    TRY(journal.recover());
    return journal;
}

Result<> Journal::recover() {
    for (Publication& publication : TRY(list(directory_))) {
        if (publication.state == Publication::State::published
            || publication.state == Publication::State::restoring)
            continue;
        log_notice(publication.id, " was left ", state_name(publication.state), ": taking it back");
        // A server that is down must not keep what others serve from being changed.
        if (Result<> undone = take_back(publication); !undone)
            log_warning("not taken back, the next run tries again: ", describe(undone.error()));
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

Result<> Journal::publish(Publication publication) {
    if (fs::exists(directory_ / (publication.id + ".json")))
        return permanent_error(publication.id, " is published already; unpublish it first");
    for (const Step& step : publication.steps)
        TRY(check_step(host_, step));
    publication.state = Publication::State::publishing;
    if (Result<> done = do_steps(publication); !done) {
        if (Result<> undone = take_back(publication); !undone)
            log_warning("it could not be taken back, the next run tries again: ", describe(undone.error()));
        return done;
    }
    publication.state = Publication::State::published;
    return write(publication);
}

Result<> Journal::do_steps(Publication& publication) {
    for (const Step& step : publication.steps) {
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
    publication.state = Publication::State::restoring;
    TRY(undo_steps(publication));
    TRY(renew(host_, publication.steps));
    TRY(do_steps(publication));
    publication.state = Publication::State::published;
    TRY(write(publication));
    return Restored::again;
}

Result<> Journal::unpublish(Publication publication) {
    publication.state = Publication::State::unpublishing;
    TRY(write(publication));
    return take_back(publication);
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
        log_warning(undo_text(step), ", ignoring: ", describe(undone.error()));
        return {};
    }
    TRY(std::move(undone), "taking back: ", only_tells ? undo_text(step) : to_text(step));
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

} // namespace mangrove::ctl
