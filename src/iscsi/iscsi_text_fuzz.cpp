#include <cstdlib>

#include "iscsi/text_keys.h"

using namespace mangrove;

/// Whatever text a target sends: what was read is written and read as the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Result<iscsi::TextKeys> keys = iscsi::TextKeys::parse({data, size});
    if (!keys) return 0;
    for (const iscsi::TextKey& pair : keys->all())
        iscsi::parse_binary_value(pair.value);
    Result<iscsi::TextKeys> again = iscsi::TextKeys::parse(keys->to_bytes());
    if (!again || again->all() != keys->all()) std::abort();
    return 0;
}
