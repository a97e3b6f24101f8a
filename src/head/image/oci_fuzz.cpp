#include <cstdlib>

#include "head/image/confined_fuzz.h"
#include "head/image/oci.h"

using namespace mangrove::head;

/// Whatever the saved image says, its layers are files that came out of the archive.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static FuzzedTree fuzzed;
    if (!fuzzed.unpack(data, size, Whiteouts::plain_files)) return 0;
    for (const OciChoice& choice :
         {OciChoice{}, OciChoice{.reference = "10"}, OciChoice{.architecture = "amd64/v2"}}) {
        mangrove::Result<std::vector<Tar>> layers = oci_layers(fuzzed.tree(), choice);
        if (!layers) continue;
        for (const Tar& layer : *layers)
            if (fuzzed.is_outside(layer.file)) std::abort();
    }
    fuzzed.check();
    return 0;
}
