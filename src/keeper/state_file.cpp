#include "keeper/state_file.h"

#include "base/log.h"

namespace mangrove {

/// The process that looks after it; 0 when procfs does not tell.
static uint64_t own_process(System& system) {
    Result<std::string> self = system.read_link("/proc/self");
    return self ? parse_number(*self).value_or(0) : 0;
}

void write_state_file(System& system, const std::string& path, const Json& state) {
    cJSON_AddNumberToObject(state.get(), "process", static_cast<double>(own_process(system)));
    if (Result<> written = system.write_file(path, print_json(state) + "\n"); !written)
        log_warning(written.error().what, ", ignoring");
}

} // namespace mangrove
