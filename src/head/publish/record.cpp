#include "head/publish/record.h"

#include <algorithm>
#include <iterator>

#include "head/host/files.h"

namespace mangrove::head {

namespace fs = std::filesystem;

static constexpr std::string_view kStateNames[] = {"publishing", "published", "unpublishing", "restoring"};

std::string_view state_name(Record::State state) {
    return kStateNames[static_cast<size_t>(state)];
}

bool has_step(const std::vector<Record>& records, const Step& step) {
    for (const Record& record : records)
        for (size_t i = 0; i < record.begun; ++i)
            if (record.steps[i].undo_words == step.undo_words) return true;
    return false;
}

Json to_json(const Record& record) {
    Json json = make_json_object();
    add_text(json.get(), "id", record.id);
    add_text(json.get(), "image", record.image);
    add_text(json.get(), "over", record.over);
    add_text(json.get(), "server", record.server);
    add_text(json.get(), "state", std::string(state_name(record.state)));
    cJSON_AddNumberToObject(json.get(), "begun", static_cast<double>(record.begun));
    add_text(json.get(), "definition", record.definition);
    cJSON* steps = cJSON_AddArrayToObject(json.get(), "steps");
    for (const Step& step : record.steps)
        cJSON_AddItemToArray(steps, to_json(step).release());
    return json;
}

Result<Record> read_record(const fs::path& path) {
    Json json = TRY(parse_json(TRY(read_file(path)), path.native()));
    const auto* state = std::ranges::find(kStateNames, text_at(json.get(), "state"));
    if (state == std::end(kStateNames)) return permanent_error(path.native(), " is damaged: no known state");
    Record record{.id = text_at(json.get(), "id"),
                  .image = text_at(json.get(), "image"),
                  .over = text_at(json.get(), "over"),
                  .server = text_at(json.get(), "server"),
                  .definition = text_at(json.get(), "definition"),
                  .steps = {},
                  .state = static_cast<Record::State>(state - std::begin(kStateNames)),
                  .begun = number_at(json.get(), "begun")};
    const cJSON* step = nullptr;
    cJSON_ArrayForEach(step, cJSON_GetObjectItemCaseSensitive(json.get(), "steps")) {
        record.steps.push_back(TRY(step_from_json(step), "reading ", path.native()));
    }
    if (record.begun > record.steps.size())
        return permanent_error(path.native(), " is damaged: more steps begun than there are");
    return record;
}

Json description_of(const Record& record) {
    Json json = make_json_object();
    add_text(json.get(), "id", record.id);
    add_text(json.get(), "image", record.image);
    add_text(json.get(), "over", record.over);
    add_text(json.get(), "server", record.server);
    return json;
}

std::filesystem::path signed_definition_path(const std::filesystem::path& publications,
                                             const std::string& id) {
    return publications / (id + ".signed");
}

} // namespace mangrove::head
