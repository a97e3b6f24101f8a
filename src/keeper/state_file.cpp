#include "keeper/state_file.h"

#include <cmath>
#include <optional>
#include <set>

#include "base/json.h"
#include "base/log.h"
#include "machine/run_files.h"

namespace mangrove {

namespace {

void each_field(ServedState& state, auto visit) {
    visit("server", state.server);
    visit("requests", state.requests);
    visit("bytes", state.bytes);
    visit("reads", state.reads);
    visit("hits", state.hits);
    visit("slowest_seconds", state.slowest);
    visit("cache", state.cache);
    visit("cache_failure", state.cache_failure);
    visit("cache_hits", state.cache_hits);
    visit("cache_wrong", state.cache_wrong);
    visit("is_filled", state.is_filled);
    visit("held", state.held);
    visit("size", state.size);
}

void each_field(ConnectionState& state, auto visit) {
    visit("name", state.name);
    visit("state", state.now);
    visit("losses", state.losses);
    visit("tries", state.tries);
    visit("longest_loss_seconds", state.longest_loss);
    visit("since", state.since);
    visit("seen", state.seen);
    visit("reason", state.reason);
    visit("process", state.process);
    visit("served", state.served);
}

void each_field(ReadsState& state, auto visit) {
    visit("name", state.name);
    visit("state", state.now);
    visit("since", state.since);
    visit("answered", state.answered);
    visit("reason", state.reason);
    visit("kernel_error", state.kernel_error);
    visit("process", state.process);
}

struct Writer {
    cJSON* json;

    void operator()(const char* key, const std::string& value) const {
        if (!value.empty()) cJSON_AddStringToObject(json, key, value.c_str());
    }
    void operator()(const char* key, bool value) const {
        if (value) cJSON_AddTrueToObject(json, key);
    }
    void operator()(const char* key, uint64_t value) const {
        cJSON_AddNumberToObject(json, key, static_cast<double>(value));
    }
    void operator()(const char* key, Clock::duration value) const {
        cJSON_AddNumberToObject(json, key, in_seconds(value));
    }
    void operator()(const char* key, Time value) const { (*this)(key, value - Time()); }
    void operator()(const char* key, std::optional<ServedState>& value) const {
        if (value) each_field(*value, Writer{cJSON_AddObjectToObject(json, key)});
    }
};

struct Reader {
    const cJSON* json;

    void operator()(const char* key, std::string& value) const { value = text_at(json, key); }
    void operator()(const char* key, bool& value) const {
        value = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, key)) != 0;
    }
    void operator()(const char* key, uint64_t& value) const { value = number_at(json, key); }
    void operator()(const char* key, Clock::duration& value) const {
        const cJSON* seconds = cJSON_GetObjectItemCaseSensitive(json, key);
        value = milliseconds(cJSON_IsNumber(seconds) ? std::llround(seconds->valuedouble * 1000) : 0);
    }
    void operator()(const char* key, Time& value) const {
        Clock::duration since_start;
        (*this)(key, since_start);
        value = Time() + since_start;
    }
    void operator()(const char* key, std::optional<ServedState>& value) const {
        const cJSON* object = cJSON_GetObjectItemCaseSensitive(json, key);
        if (object) each_field(value.emplace(), Reader{object});
    }
};

uint64_t own_process(System& system) {
    Result<std::string> self = system.read_link("/proc/self");
    return self ? parse_number(*self).value_or(0) : 0;
}

template <typename State>
void write(System& system, const std::string& path, State& state) {
    state.process = own_process(system);
    Json json = make_json_object();
    each_field(state, Writer{json.get()});
    if (Result<> written = system.write_file(path, print_json(json) + "\n"); !written)
        log_warning(written.error().what, ", ignoring");
}

template <typename State>
Result<State> read(System& system, const std::string& path) {
    Json json = TRY(read_json_while_written(system, path));
    State state;
    each_field(state, Reader{json.get()});
    return state;
}

} // namespace

ConnectionState state_of_served(const std::string& name, const ServedState& served, Time seen) {
    return {.name = name,
            .now = served.now,
            .losses = served.losses,
            .longest_loss = served.longest_loss,
            .since = served.since,
            .seen = seen,
            .reason = served.reason,
            .served = served};
}

void write_state_file(System& system, const std::string& path, ConnectionState state) {
    write(system, path, state);
}

void write_state_file(System& system, const std::string& path, ReadsState state) {
    write(system, path, state);
}

static std::optional<size_t> number_in(std::string_view name, std::string_view prefix) {
    constexpr std::string_view kEnd = ".json";
    if (!name.starts_with(prefix) || !name.ends_with(kEnd)) return std::nullopt;
    return parse_number(name.substr(prefix.size(), name.size() - prefix.size() - kEnd.size()));
}

static std::string path_of(std::string_view prefix, size_t number) {
    return text(kKeeperDirectory, "/", prefix, number, ".json");
}

static Result<std::set<size_t>> numbers_of(System& system, std::string_view prefix) {
    std::set<size_t> numbers;
    if (system.path_kind(kKeeperDirectory) == PathKind::missing) return numbers;
    for (const std::string& name : TRY(system.list_directory(kKeeperDirectory)))
        if (std::optional<size_t> number = number_in(name, prefix)) numbers.insert(*number);
    return numbers;
}

Result<std::vector<std::string>> state_files(System& system, std::string_view prefix) {
    std::vector<std::string> paths;
    for (size_t number : TRY(numbers_of(system, prefix)))
        paths.push_back(path_of(prefix, number));
    return paths;
}

Result<std::string> new_state_file(System& system, std::string_view prefix, size_t after) {
    std::set<size_t> numbers = TRY(numbers_of(system, prefix));
    return path_of(prefix, (numbers.empty() ? 0 : *numbers.rbegin() + 1) + after);
}

Result<Json> read_json_while_written(System& system, const std::string& path) {
    constexpr int kLooks = 5;
    constexpr milliseconds kPause{20};
    for (int look = 0; look < kLooks; ++look) {
        Json json(cJSON_Parse(TRY(system.read_file(path)).c_str()));
        if (json) return json;
        system.sleep(kPause);
    }
    return permanent_error(path, " is not JSON");
}

Result<ConnectionState> read_connection_state(System& system, const std::string& path) {
    return read<ConnectionState>(system, path);
}

Result<ReadsState> read_reads_state(System& system, const std::string& path) {
    return read<ReadsState>(system, path);
}

} // namespace mangrove
