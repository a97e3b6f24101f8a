#include "definition/encoding.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string_view input(reinterpret_cast<const char*>(data), size);
    static_cast<void>(mangrove::definition::decode(input));
    // No JSON begins as zlib does.
    if (size > 0 && (data[0] & 0x0f) != 8
        && mangrove::definition::decode(mangrove::definition::encode(input).value()).value() != input)
        __builtin_trap();
    return 0;
}
