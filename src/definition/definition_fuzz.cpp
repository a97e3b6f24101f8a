#include "definition/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static_cast<void>(mangrove::definition::parse_and_check({reinterpret_cast<const char*>(data), size}));
    return 0;
}
