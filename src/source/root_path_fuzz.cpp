#include <cstdlib>

#include "base/log.h"
#include "definition/parse.h"
#include "source/root_path.h"

using namespace mangrove;

/// A root-path either is refused or becomes one line of JSON, whatever the parser then says of it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    set_log_sink([](LogLevel, std::string_view) {});
    Lease lease;
    lease.root_path.assign(data, data + size);
    Result<std::string> definition = definition_from_root_path(lease);
    if (!definition) return 0;
    if (!definition->starts_with("{\"name\":") || definition->find('\n') != std::string::npos) std::abort();
    definition::parse_and_check(*definition);
    return 0;
}
