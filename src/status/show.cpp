#include <cstdio>

#include "status/status.h"

namespace mangrove {

namespace {

/// "1.2 MiB"
std::string size_text(uint64_t bytes) {
    constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    auto size = static_cast<double>(bytes);
    size_t unit = 0;
    for (; size >= 1024 && unit + 1 < std::size(kUnits); ++unit)
        size /= 1024;
    char shown[32];
    std::snprintf(shown, sizeof shown, unit == 0 ? "%.0f %s" : "%.1f %s", size, kUnits[unit]);
    return shown;
}

/// "62.5 s", "17 min", "26 h"
std::string duration_text(double seconds) {
    char shown[32];
    if (seconds < 120)
        std::snprintf(shown, sizeof shown, "%.1f s", seconds);
    else if (seconds < 7200)
        std::snprintf(shown, sizeof shown, "%.0f min", seconds / 60);
    else
        std::snprintf(shown, sizeof shown, "%.0f h", seconds / 3600);
    return shown;
}

double seconds_at(const cJSON* object, const char* key) {
    const cJSON* value = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

std::string line(std::string_view label, const std::string& words) {
    constexpr size_t kWidth = 12;
    return text(label, std::string(kWidth - label.size(), ' '), words, "\n");
}

/// Whether a root hash vouches for all that the layer shows.
bool is_verified(const cJSON* report, const Layer& layer) {
    const cJSON* verified = nullptr;
    cJSON_ArrayForEach(verified, cJSON_GetObjectItemCaseSensitive(report, "verity")) {
        if (text_at(verified, "device") == layer.source) return true;
    }
    return false;
}

std::string layer_text(const Layer& layer, bool is_verified) {
    return text(layer.mount_point, ": ", layer.type, " on ", layer.source,
                layer.is_read_only ? ", read-only" : "", is_verified ? ", verified" : "");
}

std::string upper_text(const Layer& upper, const std::optional<Space>& space) {
    std::string shown = text(upper.type, " on ", upper.source);
    if (space && space->size > 0)
        shown += text(": ", size_text(space->used), " of ", size_text(space->size), " used (",
                      space->used * 100 / space->size, " %)");
    return shown;
}

std::string connection_text(const Connection& connection) {
    std::string shown = text(connection.name, ": ", connection.state);
    if (connection.in_state) shown += " for " + duration_text(*connection.in_state);
    if (connection.tries > 0 && connection.state != "connected")
        shown += text(", ", connection.tries, connection.tries == 1 ? " attempt" : " attempts");
    if (connection.losses > 0)
        shown += text("; ", connection.losses, connection.losses == 1 ? " loss" : " losses", ", the longest ",
                      duration_text(connection.longest_loss));
    return shown;
}

std::string served_text(const ServedState& served) {
    uint64_t share = served.reads == 0 ? 0 : served.hits * 100 / served.reads;
    return text(served.server, ": ", served.requests, " requests, ", size_text(served.bytes), ", ", share,
                " % from the cache, the slowest answer ", duration_text(in_seconds(served.slowest)));
}

/// Whether the cache is more than what memory has for a moment.
bool has_cache(const ServedState& served) {
    return !served.cache.empty() || served.is_filled;
}

std::string cache_text(const ServedState& served) {
    std::string shown = text(served.cache.empty() ? "memory" : served.cache, ": ");
    if (!served.cache_failure.empty()) return text(shown, "not used any more: ", served.cache_failure);
    shown += served.held >= served.size
                 ? "holds all of it"
                 : text("holds ", size_text(served.held), " of ", size_text(served.size));
    if (served.cache.empty()) return shown;
    shown += text(", ", served.cache_hits, " pieces came from it");
    if (served.cache_wrong > 0) shown += text(", ", served.cache_wrong, " were corrupt");
    return shown;
}

std::string files_text(const FilesStatus& files) {
    const LiveState& state = files.state;
    if (state.is_missing && !files.fetched) return text("none for this node on ", state.server);
    if (!files.fetched)
        return text("not fetched yet from ", state.server, state.error.empty() ? "" : ": ", state.error);
    return text(state.files.size(), " from ", state.server, ", fetched ", duration_text(*files.fetched),
                " ago");
}

std::string_view guard_name(Guard guard) {
    switch (guard) {
    case Guard::complete:
        return "alive";
    case Guard::keeper_alone:
        return "alone";
    case Guard::nobody:
        return "dead";
    case Guard::kernel:
        return "kernel";
    }
    return "";
}

void add_layer(cJSON* list, const Layer& layer, bool is_verified) {
    cJSON* json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "mount_point", layer.mount_point.c_str());
    cJSON_AddStringToObject(json, "type", layer.type.c_str());
    cJSON_AddStringToObject(json, "source", layer.source.c_str());
    cJSON_AddBoolToObject(json, "read_only", layer.is_read_only);
    if (is_verified) cJSON_AddTrueToObject(json, "verified");
    cJSON_AddItemToArray(list, json);
}

void add_upper(cJSON* object, const Status& status) {
    if (!status.upper) return;
    cJSON* json = cJSON_AddObjectToObject(object, "upper");
    cJSON_AddStringToObject(json, "mount_point", status.upper->mount_point.c_str());
    if (!status.upper_space) return;
    cJSON_AddNumberToObject(json, "bytes", static_cast<double>(status.upper_space->size));
    cJSON_AddNumberToObject(json, "used_bytes", static_cast<double>(status.upper_space->used));
}

void add_reads(cJSON* list, const Reads& reads) {
    cJSON* json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", reads.name.c_str());
    cJSON_AddStringToObject(json, "state", reads.state.c_str());
    cJSON_AddNumberToObject(json, "answered_seconds", reads.unanswered);
    if (!reads.reason.empty()) cJSON_AddStringToObject(json, "reason", reads.reason.c_str());
    if (!reads.kernel_error.empty())
        cJSON_AddStringToObject(json, "kernel_error", reads.kernel_error.c_str());
    cJSON_AddItemToArray(list, json);
}

void add_files(cJSON* object, const Status& status) {
    if (!status.files) return;
    const LiveState& state = status.files->state;
    cJSON* json = cJSON_AddObjectToObject(object, "files");
    cJSON_AddStringToObject(json, "server", state.server.c_str());
    cJSON_AddNumberToObject(json, "count", static_cast<double>(state.files.size()));
    if (status.files->fetched) cJSON_AddNumberToObject(json, "fetched_seconds", *status.files->fetched);
    cJSON_AddNumberToObject(json, "answered_seconds", status.files->answered);
    if (!state.error.empty()) cJSON_AddStringToObject(json, "error", state.error.c_str());
    cJSON* left = cJSON_AddArrayToObject(json, "left");
    for (const auto& [path, file] : state.left)
        cJSON_AddItemToArray(left, cJSON_CreateString(path.c_str()));
}

void add_served(cJSON* object, const ServedState& served) {
    cJSON* json = cJSON_AddObjectToObject(object, "served");
    cJSON_AddStringToObject(json, "server", served.server.c_str());
    for (const auto& [key, count] : {std::pair{"requests", served.requests}, std::pair{"bytes", served.bytes},
                                     std::pair{"reads", served.reads}, std::pair{"hits", served.hits}})
        cJSON_AddNumberToObject(json, key, static_cast<double>(count));
    cJSON_AddNumberToObject(json, "slowest_seconds", in_seconds(served.slowest));
    if (!has_cache(served)) return;
    if (!served.cache.empty()) cJSON_AddStringToObject(json, "cache", served.cache.c_str());
    if (!served.cache_failure.empty())
        cJSON_AddStringToObject(json, "cache_failure", served.cache_failure.c_str());
    for (const auto& [key, count] :
         {std::pair{"cache_hits", served.cache_hits}, std::pair{"cache_wrong", served.cache_wrong},
          std::pair{"held", served.held}, std::pair{"size", served.size}})
        cJSON_AddNumberToObject(json, key, static_cast<double>(count));
}

void add_connection(cJSON* list, const Connection& connection) {
    cJSON* json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", connection.name.c_str());
    cJSON_AddStringToObject(json, "state", connection.state.c_str());
    cJSON_AddStringToObject(json, "keeper", std::string(guard_name(connection.guard)).c_str());
    cJSON_AddItemToArray(list, json);
    if (connection.guard == Guard::kernel) return;
    cJSON_AddNumberToObject(json, "process", static_cast<double>(connection.process));
    cJSON_AddNumberToObject(json, "state_seconds", connection.in_state.value_or(0));
    cJSON_AddNumberToObject(json, "losses", static_cast<double>(connection.losses));
    cJSON_AddNumberToObject(json, "tries", static_cast<double>(connection.tries));
    cJSON_AddNumberToObject(json, "longest_loss_seconds", connection.longest_loss);
    if (!connection.reason.empty()) cJSON_AddStringToObject(json, "reason", connection.reason.c_str());
    if (connection.served) add_served(json, *connection.served);
}

} // namespace

std::string status_text(const Status& status) {
    const cJSON* report = status.report.get();
    std::string shown = line("root", text_at(report, "name"));
    shown += line("definition", text_at(report, "definition"));
    bool is_soft = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(report, "soft")) != 0;
    shown += line("boot", text(duration_text(seconds_at(report, "seconds")), " after ",
                               duration_text(seconds_at(report, "kernel_seconds")), " in the kernel",
                               is_soft ? ", without starting that again" : ""));
    for (const Layer& layer : status.layers)
        shown += line("mount", layer_text(layer, is_verified(report, layer)));
    if (status.upper) shown += line("upper", upper_text(*status.upper, status.upper_space));
    for (const Connection& connection : status.connections) {
        shown += line("connection", connection_text(connection));
        if (connection.served) {
            shown += line("server", served_text(*connection.served));
            if (has_cache(*connection.served)) shown += line("cache", cache_text(*connection.served));
        }
        if (connection.guard == Guard::kernel)
            shown += line("keeper", "the kernel");
        else
            shown += line("keeper", text(guard_name(connection.guard), ", process ", connection.process));
    }
    for (const Reads& reads : status.reads)
        shown += line("reads", text(reads.name, ": ", reads.state, ", answered ",
                                    duration_text(reads.unanswered), " ago"));
    if (status.files) shown += line("files", files_text(*status.files));
    for (const std::string& notice : notices_of(status))
        shown += line("notice", notice);
    for (const std::string& problem : problems_of(status))
        shown += line("PROBLEM", problem);
    return shown;
}

std::string status_json(const Status& status) {
    Json json = make_json_object();
    cJSON_AddBoolToObject(json.get(), "healthy", problems_of(status).empty());
    cJSON* problems = cJSON_AddArrayToObject(json.get(), "problems");
    for (const std::string& problem : problems_of(status))
        cJSON_AddItemToArray(problems, cJSON_CreateString(problem.c_str()));
    std::vector<std::string> found = notices_of(status);
    if (status.files || !found.empty()) {
        cJSON* notices = cJSON_AddArrayToObject(json.get(), "notices");
        for (const std::string& notice : found)
            cJSON_AddItemToArray(notices, cJSON_CreateString(notice.c_str()));
    }
    cJSON* connections = cJSON_AddArrayToObject(json.get(), "connections");
    for (const Connection& connection : status.connections)
        add_connection(connections, connection);
    cJSON* reads = cJSON_AddArrayToObject(json.get(), "reads");
    for (const Reads& one : status.reads)
        add_reads(reads, one);
    add_upper(json.get(), status);
    add_files(json.get(), status);
    cJSON* mounts = cJSON_AddArrayToObject(json.get(), "mounts");
    for (const Layer& layer : status.layers)
        add_layer(mounts, layer, is_verified(status.report.get(), layer));
    cJSON_AddItemToObject(json.get(), "report", cJSON_Duplicate(status.report.get(), true));
    return print_json(json) + "\n";
}

} // namespace mangrove
