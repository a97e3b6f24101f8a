#include "head/image/confined_fuzz.h"

using namespace mangrove::head;

/// Whatever an archive holds, nothing outside the directory changes, and it can be removed again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static FuzzedTree fuzzed;
    for (Whiteouts whiteouts : {Whiteouts::plain_files, Whiteouts::honoured}) {
        static_cast<void>(fuzzed.unpack(data, size, whiteouts));
        fuzzed.check();
    }
    return 0;
}
