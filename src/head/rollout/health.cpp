#include "head/rollout/health.h"

#include <algorithm>

#include "head/rollout/record_reader.h"

namespace mangrove::head {

namespace {

struct Program {
    std::string name;
    int64_t status = 0;
    std::string output;
};

Result<Program> program_from(const cJSON* json) {
    RecordReader in(json, "health: programs");
    Program program{.name = in.text("name"), .status = in.number("status"), .output = in.text_or("output")};
    TRY(in.finish(Unknown::ignored));
    return program;
}

/// Returns the problem with systemd, or an empty text.
std::string problem_of_system(const std::string& system, const std::vector<std::string>& failed,
                              const Policy& policy) {
    if (system == "running") return {};
    if (system != "degraded") return text("systemd is ", system.empty() ? "not running" : system);
    if (failed.empty()) return "systemd is degraded";
    for (const std::string& unit : failed)
        if (std::ranges::find(policy.allowed_units, unit) == policy.allowed_units.end())
            return text("unit ", unit, " failed");
    return {};
}

std::string problem_of(const Program& program) {
    if (program.status == 0) return {};
    std::string problem = text(program.name, " exited with ", program.status);
    return program.output.empty() ? problem : text(problem, ": ", program.output);
}

} // namespace

Result<NodeEvent> health_event(const std::string& posted, const Policy& policy) {
    if (posted.size() > kMostBytesOfHealth)
        return permanent_error("health: larger than ", kMostBytesOfHealth, " bytes");
    Json json = TRY(parse_record(posted, "health"));
    RecordReader in(json.get(), "health");
    std::string boot_id = in.text("boot_id");
    std::string why = problem_of_system(in.text("system"), in.texts_or_none("failed_units"), policy);
    std::vector<std::string> problems = in.texts_or_none("problems");
    if (why.empty() && !problems.empty()) why = problems.front();
    const cJSON* programs = in.has("programs") ? in.array("programs") : nullptr;
    const cJSON* item = nullptr;
    cJSON_ArrayForEach(item, programs) {
        Program program = TRY(program_from(item));
        if (why.empty()) why = problem_of(program);
    }
    TRY(in.finish(Unknown::ignored));
    if (boot_id.empty()) return permanent_error("health: boot_id: empty");
    return NodeEvent{
        .kind = NodeEvent::Kind::health, .boot_id = boot_id, .is_healthy = why.empty(), .why = why};
}

} // namespace mangrove::head
