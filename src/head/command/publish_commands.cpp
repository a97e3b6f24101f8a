#include "head/command/publish_commands.h"

#include <algorithm>
#include <cstdio>

#include "head/command/assign_commands.h"
#include "head/command/release_commands.h"
#include "head/host/interruption.h"
#include "head/publish/restore.h"

namespace mangrove::head {

namespace {

/// As --dry-run shows them.
void print_lines(const Call& call, const char* key, const std::vector<std::string>& lines) {
    if (call.form == Form::json) {
        Json json = make_json_object();
        add_texts(json.get(), key, lines);
        print(json);
        return;
    }
    for (const std::string& line : lines)
        print_line(line);
}

std::vector<std::string> texts_of(const std::vector<Step>& steps) {
    std::vector<std::string> lines;
    for (const Step& step : steps)
        if (step.kind != Step::Kind::command || !step.words.empty()) lines.push_back(to_text(step));
    return lines;
}

void add_undoing(const Record& record, std::vector<std::string>& lines) {
    for (size_t i = record.begun; i > 0; --i)
        if (std::string undoing = undo_text(record.steps[i - 1]); !undoing.empty()) lines.push_back(undoing);
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

/// The definition of a publication, or where somebody has signed it, the envelope with it.
Result<std::string> definition_of(const Call& call, const Record& publication) {
    std::optional<SignedDefinition> definition =
        TRY(signed_definition_at(signed_definition_path(call.directories.publications, publication.id)));
    return definition ? trust::envelope_text(definition->envelope) : publication.definition;
}

/// In JSON the definition, and the other form that was asked for.
Result<Json> rendered(const Call& call, const Record& publication, const Image& image, OutputFormat format) {
    Json json = description_of(publication);
    add_place(json.get(), publication);
    std::string written = TRY(definition_of(call, publication));
    Json definition = TRY(parse_json(written, publication.id));
    cJSON_AddItemToObject(json.get(), "definition", definition.release());
    if (format != OutputFormat::definition)
        add_text(json.get(), output_format_names()[static_cast<size_t>(format)].c_str(),
                 TRY(render(written, image, format)));
    return json;
}

Result<> print_definition(const Call& call, const Record& publication, const Image& image,
                          OutputFormat format) {
    std::fputs(TRY(render(TRY(definition_of(call, publication)), image, format)).c_str(), stdout);
    return {};
}

Result<> sign_published(Call& call, const Record& publication, const Signing& signing) {
    std::string definition = TRY(with_validity(publication.definition, signing.validity));
    return keep_envelope(call, publication, TRY(make_envelope(call, definition, signing.key)));
}

} // namespace

Outcome<> publish(Call& call, const PublishRequest& request, const std::string& reference, Run run,
                  OutputFormat format, Reach reach, const std::optional<Signing>& signing) {
    if (run == Run::dry) {
        Record planned = TRY(plan_publish(call.directories, request, reference));
        print_lines(call, "steps", texts_of(planned.steps));
        return {};
    }
    Interruption interruption;
    Published done = TRY(publish_image(call.directories, request, reference, reach, call.progress));
    call.progress.note(
        text("published ", done.publication.id,
             done.was_taken_up ? ", whose unpublish was interrupted: it is served again" : ""));
    if (signing)
        TRY(sign_published(call, done.publication, *signing),
            "signing what is published; repeat it with mangrovectl sign --for ", done.publication.id);
    if (call.form == Form::table) return print_definition(call, done.publication, done.image, format);
    Json json = TRY(rendered(call, done.publication, done.image, format));
    cJSON_AddBoolToObject(json.get(), "was_taken_up", done.was_taken_up);
    add_texts(json.get(), "warnings", done.warnings);
    print(json);
    return {};
}

Outcome<> unpublish(Call& call, const std::string& reference, Run run, InUse in_use) {
    std::vector<std::string> lines;
    if (run == Run::dry) {
        for (const Record& publication : TRY(find_published(call.directories, reference)))
            add_undoing(publication, lines);
        print_lines(call, "steps", lines);
        return {};
    }
    if (in_use == InUse::is_refused) TRY(check_unassigned(call, reference));
    TRY(check_unreleased(call, reference));
    Interruption interruption;
    for (const Record& publication : TRY(unpublish(call.directories, reference, in_use, call.progress)))
        lines.push_back(publication.id);
    if (call.form == Form::json) print_lines(call, "unpublished", lines);
    return {};
}

Outcome<> published(Call& call, Unserved unserved) {
    Patience patience = unserved == Unserved::is_error ? Patience::a_moment : Patience::none;
    std::vector<Served> all = TRY(list_published(call.directories, patience));
    if (call.form == Form::table)
        std::printf("%-40s %-6s %-10s %s\n", "PUBLICATION", "OVER", "SERVER", "STATE");
    std::vector<std::string> not_served;
    Json array(cJSON_CreateArray());
    for (const auto& [publication, problem] : all) {
        bool is_served = problem.empty();
        if (!is_served) not_served.push_back(text(publication.id, ": ", problem));
        std::string state(state_name(publication.state));
        if (call.form == Form::table) {
            // "publishing" is one under way, or one that was killed, which the next run rolls back.
            if (publication.state == Record::State::published)
                state = is_served ? "served" : "not served: " + problem;
            std::printf("%-40s %-6s %-10s %s\n", publication.id.c_str(), publication.over.c_str(),
                        publication.server.c_str(), state.c_str());
            continue;
        }
        Json json = description_of(publication);
        add_text(json.get(), "state", state);
        cJSON_AddBoolToObject(json.get(), "served", is_served);
        if (!is_served) add_text(json.get(), "problem", problem);
        add_place(json.get(), publication);
        cJSON_AddItemToArray(array.get(), json.release());
    }
    if (call.form == Form::json) print(array);
    if (all.empty())
        hint(call, "nothing is published; mangrovectl publish IMAGE --over TRANSPORT --address ADDRESS");
    if (not_served.empty() || unserved == Unserved::is_shown) return {};
    return transient_error("not served: ", join(not_served, "; "));
}

Outcome<> show_published(Call& call, const std::string& reference, OutputFormat format) {
    Record publication = TRY(find_one_published(call.directories, reference, "published"));
    Image image = TRY(Store(call.directories.images).find(publication.image));
    if (call.form == Form::table) return print_definition(call, publication, image, format);
    print(TRY(rendered(call, publication, image, format)));
    return {};
}

Outcome<> restore(Call& call) {
    Restored done = TRY(restore(call.directories, call.progress));
    Json json = make_json_object();
    add_texts(json.get(), "restored", done.again);
    cJSON* failed = cJSON_AddArrayToObject(json.get(), "failed");
    for (const std::string& id : done.again)
        call.progress.note("restored " + id);
    for (const auto& [id, error] : done.failed) {
        call.progress.warn(text(id, " is not restored: ", describe(error)));
        cJSON* one = cJSON_CreateObject();
        add_text(one, "id", id);
        add_text(one, "problem", error.what);
        cJSON_AddItemToArray(failed, one);
    }
    if (call.form == Form::json) print(json);
    if (done.failed.empty()) return {};
    return transient_error(done.failed.size(), done.failed.size() == 1 ? " record was" : " records were",
                           " not restored; mangrovectl restore tries again");
}

} // namespace mangrove::head
