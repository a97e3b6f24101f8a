#include "system/processes.h"

namespace mangrove {

bool is_process_running(System& system, std::string_view name) {
    Result<std::vector<std::string>> entries = system.list_directory("/proc");
    if (!entries) return false;
    for (const std::string& entry : *entries) {
        if (!parse_number(entry)) continue;
        // A process can end while the list is read.
        Result<std::string> comm = system.read_file(text("/proc/", entry, "/comm"));
        if (comm && trim(*comm) == name) return true;
    }
    return false;
}

} // namespace mangrove
