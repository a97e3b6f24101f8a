#include "health/health.h"

#include "base/json.h"
#include "machine/boot_id.h"

namespace mangrove {

namespace {

constexpr seconds kTimeForSystemd{20};
constexpr seconds kTimeForProgram{30};
constexpr size_t kLongestLine = 300;

std::string system_state() {
    // It fails where the system is not `running`, and says what it is.
    EndedProgram ended = run_program({"systemctl", "is-system-running"}, kTimeForSystemd);
    std::string word(trim(ended.output.substr(0, ended.output.find('\n'))));
    return word.find(' ') == std::string::npos ? word : "";
}

std::vector<std::string> failed_units() {
    EndedProgram ended =
        run_program({"systemctl", "list-units", "--failed", "--plain", "--no-legend"}, kTimeForSystemd);
    std::vector<std::string> units;
    if (ended.status != 0) return units;
    for (const std::string& line : split(ended.output, '\n')) {
        std::string unit = line.substr(0, line.find(' '));
        if (!unit.empty()) units.push_back(std::move(unit));
    }
    return units;
}

void add_texts(cJSON* object, const char* key, const std::vector<std::string>& texts) {
    cJSON* array = cJSON_AddArrayToObject(object, key);
    for (const std::string& one : texts)
        cJSON_AddItemToArray(array, cJSON_CreateString(one.c_str()));
}

} // namespace

Result<Health> look_at_health(System& system, const SpaceOf& space_of, const std::string& directory) {
    Health health{.boot_id = TRY(boot_id(system))};
    health.system = system_state();
    if (health.system != "running") health.failed_units = failed_units();
    Result<Status> status = look_at_node(system, [](const std::string&) { return std::optional<Space>(); });
    // The upper may be on a disk of a server that is away.
    if (status && status->upper && status->upper->type == "tmpfs") status->upper_space = space_of("/");
    health.problems = status ? problems_of(*status) : std::vector{status.error().what};
    // They look at a system that has started.
    bool is_starting = health.system == "initializing" || health.system == "starting";
    if (!is_starting) health.programs = run_programs_in(directory, kTimeForProgram);
    return health;
}

std::string health_json(const Health& health) {
    Json json = make_json_object();
    cJSON_AddStringToObject(json.get(), "boot_id", health.boot_id.c_str());
    cJSON_AddStringToObject(json.get(), "system", health.system.c_str());
    add_texts(json.get(), "failed_units", health.failed_units);
    add_texts(json.get(), "problems", health.problems);
    cJSON* programs = cJSON_AddArrayToObject(json.get(), "programs");
    for (const EndedProgram& program : health.programs) {
        cJSON* one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "name", program.name.c_str());
        cJSON_AddNumberToObject(one, "status", program.status);
        cJSON_AddStringToObject(one, "output", program.output.substr(0, kLongestLine).c_str());
        cJSON_AddItemToArray(programs, one);
    }
    return print_json(json) + "\n";
}

} // namespace mangrove
