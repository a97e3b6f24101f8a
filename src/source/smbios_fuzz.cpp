#include <cstdlib>

#include "source/smbios_strings.h"

using namespace mangrove;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Result<std::vector<std::string>> strings = oem_strings({data, size});
    if (!strings) return 0;
    for (const std::string& each : *strings)
        if (each.empty() || each.find('\0') != std::string::npos) std::abort();
    return 0;
}
