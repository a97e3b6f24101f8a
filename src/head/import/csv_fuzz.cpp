#include "head/import/import_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    mangrove::head::fuzz_import("csv", std::string(data, data + size));
    return 0;
}
